"""Rules of a MeshConfig."""

from __future__ import annotations

from datetime import timedelta

from galley.kinds.checks.extension_provider import check_extension_providers
from galley.kinds.checks.networking.resilience import check_retries
from galley.kinds.checks.scalars import check_duration, check_not_negative, check_port, is_dns_label, wrong_with_name
from galley.kinds.mesh_config import MeshConfig
from galley.meta import Resource
from galley.text.nodes import Mapping, below
from galley.text.recorder import Recorder
from galley.text.wording import quoted

_LONGEST_CONNECT = timedelta(hours=1)


def check_mesh_config(recorder: Recorder, resource: Resource[MeshConfig]) -> None:
    """All that is wrong with one MeshConfig. Its fields stand below ``spec`` or at the top of the document."""
    mesh = resource.spec
    tree = resource.tree
    body = "" if isinstance(tree, Mapping) and tree.find("spec") is None else "spec"
    _check_ports(recorder, body, mesh)
    check_duration(recorder, below(body, "connectTimeout"), mesh.connect_timeout)
    if mesh.connect_timeout > _LONGEST_CONNECT:
        recorder.error(below(body, "connectTimeout"), "invalid-duration", "must be at most 1h")
    check_duration(recorder, below(body, "protocolDetectionTimeout"), mesh.protocol_detection_timeout, zero=True)
    check_duration(recorder, below(body, "dnsRefreshRate"), mesh.dns_refresh_rate)
    check_retries(recorder, below(body, "defaultHttpRetryPolicy"), mesh.default_http_retry_policy)
    if not is_dns_label(mesh.root_namespace):
        what = f"{quoted(mesh.root_namespace)} is not a namespace"
        recorder.error(below(body, "rootNamespace"), "invalid-name", what)
    if wrong := wrong_with_name(mesh.trust_domain):
        recorder.error(below(body, "trustDomain"), "invalid-host", wrong)
    _check_export_to(recorder, body, mesh)
    check_extension_providers(recorder, below(body, "extensionProviders"), mesh.extension_providers)
    if mesh.tcp_keepalive is not None:
        path = below(body, "tcpKeepalive")
        check_not_negative(recorder, f"{path}.probes", mesh.tcp_keepalive.probes)
        check_duration(recorder, f"{path}.time", mesh.tcp_keepalive.time)
        check_duration(recorder, f"{path}.interval", mesh.tcp_keepalive.interval)
    topology = mesh.default_config.gateway_topology
    if topology is not None:
        path = below(body, "defaultConfig.gatewayTopology.numTrustedProxies")
        check_not_negative(recorder, path, topology.num_trusted_proxies)


def _check_ports(recorder: Recorder, body: str, mesh: MeshConfig) -> None:
    check_port(recorder, below(body, "proxyListenPort"), mesh.proxy_listen_port)
    check_port(recorder, below(body, "proxyInboundListenPort"), mesh.proxy_inbound_listen_port)
    if mesh.proxy_http_port:
        check_port(recorder, below(body, "proxyHttpPort"), mesh.proxy_http_port)
    ports = [mesh.proxy_listen_port, mesh.proxy_inbound_listen_port, mesh.proxy_http_port]
    used = [port for port in ports if port]
    if len(set(used)) < len(used):
        what = "must be another port than proxyInboundListenPort and proxyHttpPort"
        recorder.error(below(body, "proxyListenPort"), "duplicate-port", what)


def _check_export_to(recorder: Recorder, body: str, mesh: MeshConfig) -> None:
    defaults = {
        "defaultServiceExportTo": mesh.default_service_export_to,
        "defaultVirtualServiceExportTo": mesh.default_virtual_service_export_to,
        "defaultDestinationRuleExportTo": mesh.default_destination_rule_export_to,
    }
    for name, values in defaults.items():
        for index, value in enumerate(values):
            if value not in (".", "*", "~") and not is_dns_label(value):
                hint = "write a namespace, `.` for the own one, or `*` for all"
                inner = f"{below(body, name)}[{index}]"
                recorder.error(inner, "invalid-export-to", f"{quoted(value)} is not a namespace", hint)
