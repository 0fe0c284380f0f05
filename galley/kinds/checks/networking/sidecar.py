"""Rules of a Sidecar."""

from __future__ import annotations

from galley.hosts.names import is_ip
from galley.kinds.checks.networking.outlier_detection import check_connection_pool
from galley.kinds.checks.networking.route_parts import check_destination
from galley.kinds.checks.networking.tls import check_server_tls
from galley.kinds.checks.scalars import (
    TLS_PROTOCOLS,
    check_port,
    check_protocol,
    check_selector,
    check_unix_path,
    is_dns_label,
    wrong_with_host,
)
from galley.kinds.networking.gateway import ServerTlsMode
from galley.kinds.networking.sidecar import (
    CaptureMode,
    IstioEgressListener,
    IstioIngressListener,
    OutboundTrafficPolicyMode,
    Sidecar,
)
from galley.kinds.values import UNIX_SCHEME
from galley.meta import Resource
from galley.text.recorder import Recorder
from galley.text.wording import quoted

_LOCAL = frozenset({"127.0.0.1", "0.0.0.0", "[::1]", "[::]"})


def check_sidecar(recorder: Recorder, resource: Resource[Sidecar]) -> None:
    """All that is wrong with one Sidecar."""
    spec = resource.spec
    if spec.workload_selector is not None:
        if not spec.workload_selector.is_empty:
            check_selector(recorder, "spec.workloadSelector.labels", spec.workload_selector.match_labels)
        else:
            what = "has no labels, so the Sidecar applies to the whole namespace"
            recorder.warn("spec.workloadSelector", "empty-selector", what, "leave it out to mean that")
    if not (spec.ingress or spec.egress or spec.outbound_traffic_policy or spec.inbound_connection_pool):
        what = "says nothing: give ingress, egress, outboundTrafficPolicy or inboundConnectionPool"
        recorder.error("spec", "missing-field", what)
    _check_ingress(recorder, spec)
    _check_egress(recorder, spec)
    if spec.outbound_traffic_policy is not None and spec.outbound_traffic_policy.egress_proxy is not None:
        path = "spec.outboundTrafficPolicy.egressProxy"
        check_destination(recorder, path, spec.outbound_traffic_policy.egress_proxy)
        if spec.outbound_traffic_policy.egress_proxy.port is None:
            recorder.error(f"{path}.port", "missing-field", "is required")
        if spec.outbound_traffic_policy.mode is not OutboundTrafficPolicyMode.ALLOW_ANY:
            recorder.error(path, "exclusive-fields", "is possible with mode ALLOW_ANY only")
    if spec.inbound_connection_pool is not None:
        check_connection_pool(recorder, "spec.inboundConnectionPool", spec.inbound_connection_pool)


def _check_ingress(recorder: Recorder, spec: Sidecar) -> None:
    numbers: dict[int, int] = {}
    for index, listener in enumerate(spec.ingress):
        path = f"spec.ingress[{index}]"
        if listener.port is None:
            recorder.error(f"{path}.port", "missing-field", "is required")
        else:
            check_port(recorder, f"{path}.port.number", listener.port.number)
            check_protocol(recorder, f"{path}.port.protocol", listener.port.protocol)
            if numbers.setdefault(listener.port.number, index) != index:
                what = f"is the port of ingress[{numbers[listener.port.number]}] already"
                recorder.error(f"{path}.port.number", "duplicate-port", what)
        if listener.bind and not is_ip(listener.bind):
            recorder.error(f"{path}.bind", "invalid-address", f"must be an IP address, not {quoted(listener.bind)}")
        _check_default_endpoint(recorder, f"{path}.defaultEndpoint", listener.default_endpoint)
        _check_ingress_tls(recorder, f"{path}.tls", listener)
        if listener.connection_pool is not None:
            check_connection_pool(recorder, f"{path}.connectionPool", listener.connection_pool)


def _check_default_endpoint(recorder: Recorder, field: str, endpoint: str) -> None:
    if not endpoint:
        return
    if endpoint.startswith(UNIX_SCHEME):
        check_unix_path(recorder, field, endpoint)
        return
    address, colon, port = endpoint.rpartition(":")
    if not colon or address not in _LOCAL or not port.isdecimal():
        hint = "write 127.0.0.1:PORT, 0.0.0.0:PORT (the workload's own address), [::1]:PORT or unix:///PATH"
        recorder.error(field, "invalid-address", f"{quoted(endpoint)} is not an address of the application", hint)
    else:
        check_port(recorder, field, int(port[:6]))


def _check_ingress_tls(recorder: Recorder, path: str, listener: IstioIngressListener) -> None:
    tls = listener.tls
    if tls is None:
        return
    protocol = listener.port.protocol.upper() if listener.port is not None else ""
    if protocol not in TLS_PROTOCOLS:
        recorder.error(path, "tls-on-plain-port", "is possible for ports of protocol HTTPS or TLS only")
    if tls.mode in (ServerTlsMode.ISTIO_MUTUAL, ServerTlsMode.AUTO_PASSTHROUGH):
        recorder.error(f"{path}.mode", "invalid-tls-mode", f"{tls.mode} is not possible for a Sidecar")
        return
    refused = {
        "httpsRedirect": tls.https_redirect,
        "credentialName": tls.credential_name,
        "credentialNames": tls.credential_names,
        "tlsCertificates": tls.tls_certificates,
        "subjectAltNames": tls.subject_alt_names,
    }
    for name, value in refused.items():
        if value:
            recorder.error(f"{path}.{name}", "invalid-tls-setting", "is not possible for a Sidecar")
    check_server_tls(recorder, path, tls)


def _check_egress(recorder: Recorder, spec: Sidecar) -> None:
    addresses: dict[tuple[str, int], int] = {}
    for index, listener in enumerate(spec.egress):
        path = f"spec.egress[{index}]"
        if listener.port is None and index != len(spec.egress) - 1:
            what = "has no port, so it takes all remaining traffic, and others follow it"
            recorder.error(path, "catch-all-not-last", what, "put the listener without a port last")
        if listener.port is not None:
            _check_egress_port(recorder, path, listener)
            address = (listener.bind, listener.port.number)
            if addresses.setdefault(address, index) != index:
                recorder.error(f"{path}.port", "duplicate-port", f"is the port of egress[{addresses[address]}] already")
        _check_egress_hosts(recorder, path, listener)


def _check_egress_port(recorder: Recorder, path: str, listener: IstioEgressListener) -> None:
    port = listener.port
    if port is None:
        return
    is_socket = listener.bind.startswith(UNIX_SCHEME)
    check_protocol(recorder, f"{path}.port.protocol", port.protocol, required=True)
    if is_socket:
        check_unix_path(recorder, f"{path}.bind", listener.bind)
        if port.number:
            recorder.error(f"{path}.port.number", "invalid-port", "must be 0 with a unix socket")
        if listener.capture_mode is CaptureMode.IPTABLES:
            recorder.error(f"{path}.captureMode", "exclusive-fields", "must be DEFAULT or NONE with a unix socket")
        return
    check_port(recorder, f"{path}.port.number", port.number)
    if listener.bind and not is_ip(listener.bind):
        recorder.error(f"{path}.bind", "invalid-address", f"must be an IP address, not {quoted(listener.bind)}")


def _check_egress_hosts(recorder: Recorder, path: str, listener: IstioEgressListener) -> None:
    if not listener.hosts:
        recorder.error(f"{path}.hosts", "missing-field", "needs at least one host", 'such as "*/*" or "./*"')
    named: set[str] = set()
    for index, text in enumerate(listener.hosts):
        inner = f"{path}.hosts[{index}]"
        check_egress_host(recorder, inner, text)
        if text in named:
            recorder.warn(inner, "duplicate-host", f"{quoted(text)} is named already")
        named.add(text)
    if "*/*" in listener.hosts and len(listener.hosts) > 1:
        others = [host for host in listener.hosts if host != "*/*" and not host.startswith("~")]
        if others:
            what = f"names {quoted(others[0])} beside `*/*`, which imports everything"
            recorder.warn(f"{path}.hosts", "ineffective-setting", what)


def check_egress_host(recorder: Recorder, field: str, text: str) -> None:
    """``namespace/host``; the namespace ``*``, ``.``, ``~`` (nothing) or a name."""
    namespace, slash, host = text.partition("/")
    if not slash:
        hint = f"write ./{text} for the own namespace, */{text} for all"
        recorder.error(field, "invalid-host", f"{quoted(text)} must be namespace/host", hint)
        return
    name = namespace.removeprefix("~")
    if name not in ("", "*", ".") and not is_dns_label(name):
        recorder.error(field, "invalid-host", f"{quoted(namespace)} in {quoted(text)} is not a namespace")
    if wrong := wrong_with_host(host):
        recorder.error(field, "invalid-host", wrong)
