"""Protocol selection: from a port's ``appProtocol``, name or ``protocol`` to what is spoken there."""

from __future__ import annotations

from pilot.registry.catalog import Protocol

_BY_NAME = {
    "http": Protocol.HTTP,
    "http_proxy": Protocol.HTTP_PROXY,
    "http2": Protocol.HTTP2,
    "grpc": Protocol.GRPC,
    "grpc-web": Protocol.GRPC_WEB,
    "tcp": Protocol.TCP,
    "tls": Protocol.TLS,
    "https": Protocol.HTTPS,
    "mongo": Protocol.MONGO,
    "redis": Protocol.REDIS,
    "mysql": Protocol.MYSQL,
    "udp": Protocol.UDP,
}
_APP_PROTOCOLS = {
    "kubernetes.io/h2c": Protocol.HTTP2,
    "kubernetes.io/ws": Protocol.HTTP,
    "kubernetes.io/wss": Protocol.HTTPS,
}
_SERVER_FIRST = frozenset({25, 53, 3306, 27017})
"""Ports of protocols in which the server speaks first: sniffing would wait for ever (Istio, "Protocol Selection")."""


def protocol_named(text: str, number: int = 0) -> Protocol:
    """The protocol that a ``protocol`` field names, in any case; AUTO when empty or unknown.

    ``number`` is the service port: well-known server-first ports are TCP instead of AUTO.
    """
    found = _BY_NAME.get(text.lower(), Protocol.AUTO)
    return Protocol.TCP if found is Protocol.AUTO and number in _SERVER_FIRST else found


def kubernetes_protocol(*, transport: str, app_protocol: str, name: str, number: int) -> Protocol:
    """The protocol of a Kubernetes Service port: ``appProtocol``, else the part of its name before the first ``-``."""
    if transport.upper() == "UDP":
        return Protocol.UDP
    if app_protocol.lower() in _APP_PROTOCOLS:
        return _APP_PROTOCOLS[app_protocol.lower()]
    hint = (app_protocol or name).lower()
    if hint.startswith("grpc-web"):
        return Protocol.GRPC_WEB
    return protocol_named(hint.partition("-")[0], number)
