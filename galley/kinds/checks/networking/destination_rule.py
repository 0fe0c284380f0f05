"""Rules of a DestinationRule: its host and subsets, and where policies stand."""

from __future__ import annotations

from dataclasses import fields

from galley.hosts.names import is_ip
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
from galley.text.recorder import Recorder
from galley.text.wording import quoted


def check_destination_rule(recorder: Recorder, resource: Resource[DestinationRule]) -> None:
    """All that is wrong with one DestinationRule."""
    spec = resource.spec
    if not spec.host:
        recorder.error("spec.host", "missing-field", "is required")
    elif not is_ip(spec.host):
        check_host(recorder, "spec.host", spec.host)
    if spec.traffic_policy is not None:
        check_traffic_policy(recorder, "spec.trafficPolicy", spec.traffic_policy)
    _check_subsets(recorder, spec)
    check_export_to(recorder, "spec.exportTo", spec.export_to, resource.namespace)
    if spec.workload_selector is not None:
        check_selector(recorder, "spec.workloadSelector.matchLabels", spec.workload_selector.match_labels)
        if any(value not in (".", resource.namespace) for value in spec.export_to):
            what = "must be the rule's own namespace with a workloadSelector"
            recorder.error("spec.exportTo", "invalid-export-to", what, 'write exportTo: ["."]')


def _check_subsets(recorder: Recorder, spec: DestinationRule) -> None:
    first: dict[str, int] = {}
    for index, subset in enumerate(spec.subsets):
        path = f"spec.subsets[{index}]"
        if not subset.name:
            recorder.error(f"{path}.name", "missing-field", "is required")
        elif not is_dns_label(subset.name):
            recorder.error(f"{path}.name", "invalid-name", f"{quoted(subset.name)} must be one DNS label")
        elif first.setdefault(subset.name, index) != index:
            what = f"{quoted(subset.name)} is the name of subsets[{first[subset.name]}] already"
            recorder.error(f"{path}.name", "duplicate-subset", what)
        check_labels(recorder, f"{path}.labels", subset.labels)
        if subset.traffic_policy is not None:
            check_traffic_policy(recorder, f"{path}.trafficPolicy", subset.traffic_policy)


def check_traffic_policy(recorder: Recorder, path: str, policy: TrafficPolicy) -> None:
    """A policy that says something, and port-level ones that name their port."""
    _check_blocks(recorder, path, policy)
    ports: dict[int, int] = {}
    for index, port_policy in enumerate(policy.port_level_settings):
        inner = f"{path}.portLevelSettings[{index}]"
        _check_blocks(recorder, inner, port_policy)
        if port_policy.port is None:
            recorder.error(f"{inner}.port", "missing-field", "is required", "write port: {number: …}")
            continue
        number = port_policy.port.number
        check_port(recorder, f"{inner}.port.number", number)
        if ports.setdefault(number, index) != index:
            what = f"is set by portLevelSettings[{ports[number]}] already, which is the one that counts"
            recorder.warn(f"{inner}.port.number", "duplicate-port", what)
    if policy.tunnel is not None:
        _check_tunnel(recorder, f"{path}.tunnel", policy.tunnel)
        if policy.proxy_protocol is not None:
            recorder.error(f"{path}.proxyProtocol", "exclusive-fields", "is not possible together with tunnel")


def _check_blocks(recorder: Recorder, path: str, policy: TrafficPolicy | PortTrafficPolicy) -> None:
    if all(not getattr(policy, field.name) for field in fields(policy) if field.name != "port"):
        recorder.error(path, "empty-policy", "says nothing", "such as loadBalancer: {simple: ROUND_ROBIN}")
    if policy.connection_pool is not None:
        check_connection_pool(recorder, f"{path}.connectionPool", policy.connection_pool)
    if policy.outlier_detection is not None:
        check_outlier_detection(recorder, f"{path}.outlierDetection", policy.outlier_detection)
    if policy.load_balancer is not None:
        has_outliers = policy.outlier_detection is not None
        check_load_balancer(recorder, f"{path}.loadBalancer", policy.load_balancer, has_outlier_detection=has_outliers)
    if policy.tls is not None:
        check_client_tls(recorder, f"{path}.tls", policy.tls)


def _check_tunnel(recorder: Recorder, path: str, tunnel: TunnelSettings) -> None:
    if tunnel.protocol not in ("", "CONNECT", "POST"):
        what = f"must be CONNECT or POST, not {quoted(tunnel.protocol)}"
        recorder.error(f"{path}.protocol", "unknown-protocol", what)
    if not tunnel.target_host:
        recorder.error(f"{path}.targetHost", "missing-field", "is required")
    elif not is_ip(tunnel.target_host):
        check_host(recorder, f"{path}.targetHost", tunnel.target_host)
    check_port(recorder, f"{path}.targetPort", tunnel.target_port)
