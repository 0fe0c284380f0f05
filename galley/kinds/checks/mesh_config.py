"""Rules of a MeshConfig."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from galley.kinds.checks.extension_provider import check_extension_providers
from galley.kinds.checks.networking.load_balancer import check_locality
from galley.kinds.checks.networking.resilience import check_retries
from galley.kinds.checks.scalars import (
    check_duration,
    check_not_negative,
    check_percent,
    check_port,
    is_dns_label,
    is_port,
    wrong_with_name,
)
from galley.kinds.checks.telemetry import check_custom_tags
from galley.kinds.checks.telemetry_provider import check_tag_length
from galley.kinds.command_operators import wrong_with_format
from galley.kinds.mesh_config import DEFAULT_SAMPLING, AccessLogEncoding, MeshConfig, ProxyTracing
from galley.meta import Resource
from galley.text.nodes import Mapping, below
from galley.text.recorder import Recorder
from galley.text.wording import quoted
from galley.trust_domain import wrong_with_trust_domain

_TOO_OFTEN = timedelta(milliseconds=1)  # Envoy wants its dns_refresh_rate to be above it
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
    if mesh.dns_refresh_rate == _TOO_OFTEN:
        recorder.error(below(body, "dnsRefreshRate"), "invalid-duration", "must be more than 1ms", "such as 60s")
    check_retries(recorder, below(body, "defaultHttpRetryPolicy"), mesh.default_http_retry_policy)
    if not is_dns_label(mesh.root_namespace):
        what = f"{quoted(mesh.root_namespace)} is not a namespace"
        recorder.error(below(body, "rootNamespace"), "invalid-name", what)
    _check_trust_domains(recorder, body, mesh)
    _check_export_to(recorder, body, mesh)
    _check_access_log(recorder, below(body, "accessLogFormat"), mesh)
    check_extension_providers(recorder, below(body, "extensionProviders"), mesh.extension_providers)
    check_locality(recorder, below(body, "localityLbSetting"), mesh.locality_lb_setting, has_outlier_detection=True)
    if mesh.tcp_keepalive is not None:
        path = below(body, "tcpKeepalive")
        check_not_negative(recorder, f"{path}.probes", mesh.tcp_keepalive.probes)
        check_duration(recorder, f"{path}.time", mesh.tcp_keepalive.time)
        check_duration(recorder, f"{path}.interval", mesh.tcp_keepalive.interval)
    _check_tracing(recorder, below(body, "defaultConfig.tracing"), mesh.default_config.tracing)
    topology = mesh.default_config.gateway_topology
    if topology is not None:
        path = below(body, "defaultConfig.gatewayTopology.numTrustedProxies")
        check_not_negative(recorder, path, topology.num_trusted_proxies)


def _check_tracing(recorder: Recorder, path: str, tracing: ProxyTracing) -> None:
    if tracing.sampling > 100:
        what = f"is more than 100, so that it is taken for the default, {DEFAULT_SAMPLING:g}"
        recorder.warn(f"{path}.sampling", "invalid-percentage", what, "write a percentage")
    else:
        check_percent(recorder, f"{path}.sampling", tracing.sampling)
    check_tag_length(recorder, f"{path}.maxPathTagLength", tracing.max_path_tag_length)
    check_custom_tags(recorder, f"{path}.customTags", tracing.custom_tags)
    if tracing.zipkin is not None:
        host, _, port = tracing.zipkin.address.rpartition(":")
        if wrong_with_name(host) or not is_port(port):
            what = f"{quoted(tracing.zipkin.address)} is not the host and port of a service"
            recorder.error(f"{path}.zipkin.address", "invalid-host", what, "such as zipkin.istio-system:9411")


def _check_trust_domains(recorder: Recorder, body: str, mesh: MeshConfig) -> None:
    """The mesh's own name and its old ones, in the form that they have in identities."""
    named = {"trustDomain": mesh.trust_domain}
    named |= {f"trustDomainAliases[{index}]": alias for index, alias in enumerate(mesh.trust_domain_aliases)}
    for field, text in named.items():
        if wrong := wrong_with_trust_domain(text):
            recorder.error(below(body, field), "invalid-host", wrong)


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


def _check_access_log(recorder: Recorder, field: str, mesh: MeshConfig) -> None:
    """The format of all access logs: one wrong operator, and no listener of any proxy would be accepted."""
    text = mesh.access_log_format
    if not text:
        return
    texts = [text]
    if mesh.access_log_encoding is AccessLogEncoding.JSON:
        try:
            texts = list(_texts_in(_read_object(text)))
        except (TypeError, ValueError, RecursionError):
            what = "must be a JSON object with accessLogEncoding: JSON"
            recorder.error(field, "invalid-format", what, 'such as {"status": "%RESPONSE_CODE%"}')
            return
    for one in texts:
        if wrong := wrong_with_format(one):
            recorder.error(field, "invalid-format", wrong)
            return


def _read_object(text: str) -> dict[str, Any]:
    """A JSON object. TypeError for anything else; ValueError for what is no JSON, or no text."""
    found = json.loads(text, parse_constant=float.fromhex, parse_int=float)
    if not isinstance(found, dict):
        raise TypeError("not an object")
    json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    return found


def _texts_in(value: Any) -> Iterator[str]:
    """All text in a JSON value but the keys."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts_in(inner)


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
