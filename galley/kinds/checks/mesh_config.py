"""Rules of a MeshConfig."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from galley.kinds.checks.findings import Findings, below, shown
from galley.kinds.checks.networking.resilience import check_retries
from galley.kinds.checks.scalars import check_duration, check_not_negative, check_port, is_dns_label, wrong_with_name
from galley.kinds.mesh_config import MeshConfig
from galley.meta import Resource
from galley.text.diagnostics import Diagnostic

_LONGEST_CONNECT = timedelta(hours=1)


def check_mesh_config(resource: Resource[MeshConfig]) -> Iterable[Diagnostic]:
    """All that is wrong with one MeshConfig. Its fields stand below ``spec`` or at the top of the document."""
    findings, mesh = Findings(resource), resource.spec
    body = findings.body
    _check_ports(findings, body, mesh)
    check_duration(findings, below(body, "connectTimeout"), mesh.connect_timeout)
    if mesh.connect_timeout > _LONGEST_CONNECT:
        findings.error(below(body, "connectTimeout"), "invalid-duration", "must be at most 1h")
    check_duration(findings, below(body, "protocolDetectionTimeout"), mesh.protocol_detection_timeout, zero=True)
    check_duration(findings, below(body, "dnsRefreshRate"), mesh.dns_refresh_rate)
    check_retries(findings, below(body, "defaultHttpRetryPolicy"), mesh.default_http_retry_policy)
    if not is_dns_label(mesh.root_namespace):
        what = f"{shown(mesh.root_namespace)} is not a namespace"
        findings.error(below(body, "rootNamespace"), "invalid-name", what)
    if wrong := wrong_with_name(mesh.trust_domain):
        findings.error(below(body, "trustDomain"), "invalid-host", wrong)
    _check_export_to(findings, body, mesh)
    if mesh.tcp_keepalive is not None:
        path = below(body, "tcpKeepalive")
        check_not_negative(findings, f"{path}.probes", mesh.tcp_keepalive.probes)
        check_duration(findings, f"{path}.time", mesh.tcp_keepalive.time)
        check_duration(findings, f"{path}.interval", mesh.tcp_keepalive.interval)
    topology = mesh.default_config.gateway_topology
    if topology is not None:
        path = below(body, "defaultConfig.gatewayTopology.numTrustedProxies")
        check_not_negative(findings, path, topology.num_trusted_proxies)
    return findings.diagnostics


def _check_ports(findings: Findings, body: str, mesh: MeshConfig) -> None:
    check_port(findings, below(body, "proxyListenPort"), mesh.proxy_listen_port)
    check_port(findings, below(body, "proxyInboundListenPort"), mesh.proxy_inbound_listen_port)
    if mesh.proxy_http_port:
        check_port(findings, below(body, "proxyHttpPort"), mesh.proxy_http_port)
    ports = [mesh.proxy_listen_port, mesh.proxy_inbound_listen_port, mesh.proxy_http_port]
    used = [port for port in ports if port]
    if len(set(used)) < len(used):
        what = "must be another port than proxyInboundListenPort and proxyHttpPort"
        findings.error(below(body, "proxyListenPort"), "duplicate-port", what)


def _check_export_to(findings: Findings, body: str, mesh: MeshConfig) -> None:
    defaults = {
        "defaultServiceExportTo": mesh.default_service_export_to,
        "defaultVirtualServiceExportTo": mesh.default_virtual_service_export_to,
        "defaultDestinationRuleExportTo": mesh.default_destination_rule_export_to,
    }
    for name, values in defaults.items():
        for index, value in enumerate(values):
            if value not in (".", "*", "~") and not is_dns_label(value):
                hint = "write a namespace, `.` for the own one, or `*` for all"
                place = f"{below(body, name)}[{index}]"
                findings.error(place, "invalid-export-to", f"{shown(value)} is not a namespace", hint)
