"""Rules of a DestinationRule: its host and subsets, and where policies stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from galley.hosts.names import is_ip
from galley.kinds.checks.findings import Findings, shown
from galley.kinds.checks.networking.load_balancer import check_load_balancer
from galley.kinds.checks.networking.outlier_detection import check_connection_pool, check_outlier_detection
from galley.kinds.checks.networking.tls import check_client_tls
from galley.kinds.checks.scalars import (
    check_export_to,
    check_host,
    check_labels,
    check_port,
    check_selector,
    is_dns_label,
)
from galley.kinds.networking.destination_rule import DestinationRule, PortTrafficPolicy, TrafficPolicy, TunnelSettings
from galley.meta import Resource
from galley.text.diagnostics import Diagnostic


def check_destination_rule(resource: Resource[DestinationRule]) -> Iterable[Diagnostic]:
    """All that is wrong with one DestinationRule."""
    findings, spec = Findings(resource), resource.spec
    if not spec.host:
        findings.error("spec.host", "missing-field", "is required")
    elif not is_ip(spec.host):
        check_host(findings, "spec.host", spec.host)
    if spec.traffic_policy is not None:
        check_traffic_policy(findings, "spec.trafficPolicy", spec.traffic_policy)
    _check_subsets(findings, spec)
    check_export_to(findings, "spec.exportTo", spec.export_to)
    if spec.workload_selector is not None:
        check_selector(findings, "spec.workloadSelector.matchLabels", spec.workload_selector.match_labels)
        if any(value not in (".", resource.namespace) for value in spec.export_to):
            what = "must be the rule's own namespace with a workloadSelector"
            findings.error("spec.exportTo", "invalid-export-to", what, 'write exportTo: ["."]')
    return findings.diagnostics


def _check_subsets(findings: Findings, spec: DestinationRule) -> None:
    first: dict[str, int] = {}
    for index, subset in enumerate(spec.subsets):
        path = f"spec.subsets[{index}]"
        if not subset.name:
            findings.error(f"{path}.name", "missing-field", "is required")
        elif not is_dns_label(subset.name):
            findings.error(f"{path}.name", "invalid-name", f"{shown(subset.name)} must be one DNS label")
        elif first.setdefault(subset.name, index) != index:
            what = f"{shown(subset.name)} is the name of subsets[{first[subset.name]}] already"
            findings.error(f"{path}.name", "duplicate-subset", what)
        check_labels(findings, f"{path}.labels", subset.labels)
        if subset.traffic_policy is not None:
            check_traffic_policy(findings, f"{path}.trafficPolicy", subset.traffic_policy)


def check_traffic_policy(findings: Findings, path: str, policy: TrafficPolicy) -> None:
    """A policy that says something, and port-level ones that name their port."""
    _check_blocks(findings, path, policy)
    ports: dict[int, int] = {}
    for index, port_policy in enumerate(policy.port_level_settings):
        place = f"{path}.portLevelSettings[{index}]"
        _check_blocks(findings, place, port_policy)
        if port_policy.port is None:
            findings.error(f"{place}.port", "missing-field", "is required", "write port: {number: …}")
            continue
        number = port_policy.port.number
        check_port(findings, f"{place}.port.number", number)
        if ports.setdefault(number, index) != index:
            what = f"is set by portLevelSettings[{ports[number]}] already, which is the one that counts"
            findings.warn(f"{place}.port.number", "duplicate-port", what)
    if policy.tunnel is not None:
        _check_tunnel(findings, f"{path}.tunnel", policy.tunnel)
        if policy.proxy_protocol is not None:
            findings.error(f"{path}.proxyProtocol", "exclusive-fields", "is not possible together with tunnel")


def _check_blocks(findings: Findings, path: str, policy: TrafficPolicy | PortTrafficPolicy) -> None:
    if all(not getattr(policy, field.name) for field in fields(policy) if field.name != "port"):
        findings.error(path, "empty-policy", "says nothing", "such as loadBalancer: {simple: ROUND_ROBIN}")
    if policy.connection_pool is not None:
        check_connection_pool(findings, f"{path}.connectionPool", policy.connection_pool)
    if policy.outlier_detection is not None:
        check_outlier_detection(findings, f"{path}.outlierDetection", policy.outlier_detection)
    if policy.load_balancer is not None:
        has_outliers = policy.outlier_detection is not None
        check_load_balancer(findings, f"{path}.loadBalancer", policy.load_balancer, has_outlier_detection=has_outliers)
    if policy.tls is not None:
        check_client_tls(findings, f"{path}.tls", policy.tls)


def _check_tunnel(findings: Findings, path: str, tunnel: TunnelSettings) -> None:
    if tunnel.protocol not in ("", "CONNECT", "POST"):
        what = f"must be CONNECT or POST, not {shown(tunnel.protocol)}"
        findings.error(f"{path}.protocol", "unknown-protocol", what)
    if not tunnel.target_host:
        findings.error(f"{path}.targetHost", "missing-field", "is required")
    elif not is_ip(tunnel.target_host):
        check_host(findings, f"{path}.targetHost", tunnel.target_host)
    check_port(findings, f"{path}.targetPort", tunnel.target_port)
