"""Servers of all Gateways that select a proxy, by the address and port on which they listen."""

from __future__ import annotations

from enum import Enum

from citadel.ir import MeshTls
from galley.frozen import FrozenMap, frozen
from galley.hosts.scoped import scope_host
from galley.kinds.networking.gateway import Gateway, Server, ServerTlsMode, ServerTlsSettings
from galley.meta import Resource, ResourceKey
from pilot.mesh.gateway.tls import can_terminate
from pilot.mesh.naming import listener_name
from pilot.registry.catalog import Protocol
from pilot.registry.protocol import protocol_named


class ServerKind(Enum):
    """What a server does with connections: its protocol and TLS mode taken together."""

    HTTP = "plain HTTP"
    HTTPS = "HTTP over TLS that is terminated"
    TCP = "opaque bytes"
    TLS = "opaque bytes over TLS that is terminated"
    PASSTHROUGH = "TLS that is passed on, by SNI"

    @property
    def is_plain(self) -> bool:
        """Whether connections are read as they come, without TLS."""
        return self in (ServerKind.HTTP, ServerKind.TCP)


_TERMINATING = frozenset({ServerTlsMode.SIMPLE, ServerTlsMode.MUTUAL, ServerTlsMode.OPTIONAL_MUTUAL})


@frozen
class GatewayServer:
    """One server of one Gateway. ``number`` is the declared port, ``hosts`` are as declared (``namespace/host``)."""

    gateway: ResourceKey
    kind: ServerKind
    number: int
    port_name: str
    hosts: tuple[str, ...]
    bind: str = ""
    name: str = ""
    grpc_web: bool = False
    tls: ServerTlsSettings | None = None
    mesh: MeshTls | None = None
    """The identities by which server and clients know one another; None where certificates come from files."""

    @property
    def gateway_name(self) -> str:
        """``namespace/name``, as rules refer to it."""
        return f"{self.gateway.namespace}/{self.gateway.name}"

    @property
    def redirects_to_https(self) -> bool:
        """Whether every request is answered with a redirect to HTTPS."""
        return self.tls is not None and self.tls.https_redirect

    @property
    def names(self) -> tuple[str, ...]:
        """The hosts without namespaces."""
        return tuple(dict.fromkeys(scope_host(entry, self.gateway.namespace).host for entry in self.hosts))

    def hosts_for(self, namespace: str) -> tuple[str, ...]:
        """The hosts that rules of ``namespace`` may serve."""
        entries = (scope_host(entry, self.gateway.namespace) for entry in self.hosts)
        return tuple(dict.fromkeys(entry.host for entry in entries if entry.is_for(namespace)))

    def route_name(self, listen_port: int) -> str:
        """The route configuration of an HTTP server: one for the port, or over TLS one for each server."""
        suffix = f".{self.bind}" if self.bind else ""
        if self.kind is ServerKind.HTTP:
            return f"http.{listen_port}{suffix}"
        return f"https.{self.number}.{self.port_name}.{self.gateway.name}.{self.gateway.namespace}{suffix}"


@frozen
class GatewayPort:
    """All servers that share an address and port, older Gateways first."""

    bind: str
    port: int
    servers: tuple[GatewayServer, ...]

    @property
    def name(self) -> str:
        """The name of the listener."""
        return listener_name(self.bind, self.port)


def merge_servers(
    gateways: tuple[Resource[Gateway], ...],
    target_ports: FrozenMap[int, int],
    wildcard: str,
    mtls: MeshTls | None = None,
) -> tuple[GatewayPort, ...]:
    """The servers of ``gateways`` (oldest first) by address and port; conflicting ones are skipped as in Istio.

    ``target_ports`` translates a declared port to where the gateway's own service leads it. Without ``mtls``, the
    identities of the mesh, servers that present one stay closed.
    """
    ports: dict[tuple[str, int], _SharedPort] = {}
    for gateway in gateways:
        for declared in gateway.spec.servers:
            server = read_server(gateway.key, declared, mtls)
            if server is None:
                continue
            listen = (server.bind or wildcard, target_ports.get(server.number, server.number))
            ports.setdefault(listen, _SharedPort()).add(server)
    return tuple(
        GatewayPort(bind=bind, port=port, servers=tuple(shared.servers))
        for (bind, port), shared in ports.items()
        if shared.servers
    )


class _SharedPort:
    """Decides which servers can live on one address and port."""

    def __init__(self) -> None:
        self.servers: list[GatewayServer] = []
        self._plain: ServerKind | None = None
        self._tls_hosts: set[str] = set()

    def add(self, server: GatewayServer) -> None:
        """Take ``server``, unless an earlier one excludes it."""
        if server.tls is not None:
            # Hosts become SNI matches, which must not repeat; namespaces count in the comparison (Istio's rule).
            if self._tls_hosts.intersection(server.hosts):
                return
            self._tls_hosts.update(server.hosts)
        if self._plain is not None and not (self._plain is server.kind is ServerKind.HTTP):
            return
        if server.kind.is_plain:
            self._plain = server.kind
        self.servers.append(server)


def read_server(gateway: ResourceKey, declared: Server, mtls: MeshTls | None = None) -> GatewayServer | None:
    """What a declared server is; None for one that cannot be opened (no port, TLS without usable settings)."""
    if declared.port is None or not declared.port.number:
        return None
    protocol = protocol_named(declared.port.protocol, declared.port.number)
    kind = _kind(protocol, declared.tls, has_identity=mtls is not None)
    if kind is None:
        return None
    return GatewayServer(
        gateway=gateway,
        kind=kind,
        number=declared.port.number,
        port_name=declared.port.name,
        hosts=declared.hosts,
        bind=declared.bind,
        name=declared.name,
        grpc_web=protocol is Protocol.GRPC_WEB,
        tls=declared.tls,
        mesh=mtls if declared.tls is not None and declared.tls.mode is ServerTlsMode.ISTIO_MUTUAL else None,
    )


def _kind(protocol: Protocol, tls: ServerTlsSettings | None, *, has_identity: bool) -> ServerKind | None:
    """Protocol and TLS mode together. Modes whose certificates are not served leave the server closed."""
    if protocol is Protocol.UDP:
        return None
    if protocol.is_http:  # Istio: of the TLS settings only httpsRedirect counts here
        return ServerKind.HTTP
    if tls is None:
        return None if protocol.is_tls else ServerKind.TCP
    if tls.mode is ServerTlsMode.PASSTHROUGH:
        return ServerKind.PASSTHROUGH
    if tls.mode is ServerTlsMode.ISTIO_MUTUAL:
        terminates = has_identity
    else:
        terminates = tls.mode in _TERMINATING and can_terminate(tls)
    if not terminates:
        return None
    return ServerKind.HTTPS if protocol is Protocol.HTTPS else ServerKind.TLS
