"""Rules of a Gateway."""

from __future__ import annotations

from dataclasses import replace

from galley.hosts.names import is_ip
from galley.kinds.checks.networking.tls import check_server_tls
from galley.kinds.checks.scalars import (
    HTTP_PROTOCOLS,
    TLS_PROTOCOLS,
    check_port,
    check_protocol,
    check_selector,
    check_unix_path,
    is_dns_label,
    wrong_with_host,
)
from galley.kinds.networking.gateway import Gateway, Server, ServerPort, ServerTlsSettings
from galley.kinds.values import UNIX_SCHEME
from galley.meta import Resource
from galley.text.recorder import Recorder
from galley.text.wording import quoted


def check_gateway(recorder: Recorder, resource: Resource[Gateway]) -> None:
    """All that is wrong with one Gateway."""
    if not is_dns_label(resource.name):
        recorder.error("metadata.name", "invalid-name", f"{quoted(resource.name)} must be one DNS label")
    check_selector(recorder, "spec.selector", resource.spec.selector)
    if not resource.spec.servers:
        recorder.error("spec.servers", "missing-field", "needs at least one server")
    names: dict[str, int] = {}
    for index, server in enumerate(resource.spec.servers):
        path = f"spec.servers[{index}]"
        _check_server(recorder, path, server)
        if server.port is not None and server.port.name:
            first = names.setdefault(server.port.name, index)
            if first != index:
                what = f"{quoted(server.port.name)} is the name of the port of servers[{first}] already"
                recorder.error(f"{path}.port.name", "duplicate-port", what)


def _check_server(recorder: Recorder, path: str, server: Server) -> None:
    if not server.hosts:
        recorder.error(f"{path}.hosts", "missing-field", "needs at least one host", 'write `hosts: ["*"]` for all')
    for index, host in enumerate(server.hosts):
        check_gateway_host(recorder, f"{path}.hosts[{index}]", host)
    if server.port is None:
        recorder.error(f"{path}.port", "missing-field", "is required: number, name and protocol")
    else:
        _check_port(recorder, path, server, server.port)
        _check_tls(recorder, path, server, server.port.protocol.upper())
    if server.bind.startswith(UNIX_SCHEME):
        check_unix_path(recorder, f"{path}.bind", server.bind)
    elif server.bind and not is_ip(server.bind):
        recorder.error(f"{path}.bind", "invalid-address", f"must be an IP address, not {quoted(server.bind)}")


def _check_port(recorder: Recorder, path: str, server: Server, port: ServerPort) -> None:
    if server.bind.startswith(UNIX_SCHEME):
        if port.number:
            recorder.error(f"{path}.port.number", "invalid-port", "must be 0 with a unix:// address")
    else:
        check_port(recorder, f"{path}.port.number", port.number)
    if not port.name:
        recorder.error(f"{path}.port.name", "missing-field", "is required", "such as http or https")
    check_protocol(recorder, f"{path}.port.protocol", port.protocol, required=True)


def _check_tls(recorder: Recorder, path: str, server: Server, protocol: str) -> None:
    if server.tls is None:
        if protocol in TLS_PROTOCOLS:
            what = f"is required for a server of protocol {protocol}"
            recorder.error(f"{path}.tls", "missing-field", what, "with mode, and certificates unless PASSTHROUGH")
        return
    is_http = protocol in HTTP_PROTOCOLS
    if server.tls.https_redirect and not is_http:
        recorder.warn(f"{path}.tls.httpsRedirect", "ineffective-setting", "has an effect for plain HTTP servers only")
    if protocol in TLS_PROTOCOLS:
        check_server_tls(recorder, f"{path}.tls", server.tls)
    elif is_http and replace(server.tls, https_redirect=False) != ServerTlsSettings():
        what = f"may say only httpsRedirect for a server of protocol {protocol}"
        recorder.error(f"{path}.tls", "tls-on-plain-port", what, "write `protocol: HTTPS` to terminate TLS")
    elif protocol and not is_http:
        what = f"is not possible for a server of protocol {protocol}"
        recorder.error(f"{path}.tls", "tls-on-plain-port", what, "write `protocol: TLS` to terminate TLS")


def check_gateway_host(recorder: Recorder, field: str, text: str) -> None:
    """``host``, ``namespace/host``, ``./host`` or ``*/host``; the host a full DNS name or a wildcard."""
    namespace, slash, host = text.rpartition("/")
    if slash and namespace not in ("*", ".") and not is_dns_label(namespace):
        what = f"{quoted(namespace)} in {quoted(text)} is not a namespace"
        recorder.error(field, "invalid-host", what, "write namespace/host, ./host or */host")
    if is_ip(host):
        return
    if wrong := wrong_with_host(host):
        recorder.error(field, "invalid-host", wrong)
    elif "." not in host and host not in ("*", "localhost"):
        what = f"{quoted(text)} is a short name, and a Gateway matches full names only"
        recorder.error(field, "short-host", what, f"such as {host}.example.com, or `*` for every host")
