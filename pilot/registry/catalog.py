"""What the registries know: services, their ports and their endpoints, as immutable values."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from galley.frozen import FrozenMap, frozen
from galley.meta import NO_LABELS, Labels, Resource, ResourceKey
from pilot.node.locality import NOWHERE, Locality


class Protocol(StrEnum):
    """A port's application protocol (Istio, "Protocol Selection"). AUTO means "sniff it"."""

    HTTP = "HTTP"
    HTTP2 = "HTTP2"
    GRPC = "GRPC"
    GRPC_WEB = "GRPC-Web"
    HTTP_PROXY = "HTTP_PROXY"
    TCP = "TCP"
    TLS = "TLS"
    HTTPS = "HTTPS"
    MONGO = "Mongo"
    REDIS = "Redis"
    MYSQL = "MySQL"
    UDP = "UDP"
    AUTO = "AUTO"

    @property
    def is_http(self) -> bool:
        """HTTP of any version, gRPC among it: routed by host and path."""
        return self in _HTTP

    @property
    def is_http2(self) -> bool:
        """HTTP/2 from the first byte, without an upgrade."""
        return self in _HTTP2

    @property
    def is_tls(self) -> bool:
        """Opaque TLS, routed by SNI."""
        return self in (Protocol.TLS, Protocol.HTTPS)

    @property
    def is_tcp(self) -> bool:
        """Opaque bytes, TLS included."""
        return not self.is_http and self not in (Protocol.UDP, Protocol.AUTO)


_HTTP2 = frozenset({Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB})
_HTTP = _HTTP2 | {Protocol.HTTP, Protocol.HTTP_PROXY}


class ServiceResolution(StrEnum):
    """How a client's proxy finds the endpoints of a service."""

    CLIENT_SIDE = "CLIENT_SIDE"  # endpoints by EDS
    DNS = "DNS"  # Envoy resolves, all addresses are endpoints
    DNS_ROUND_ROBIN = "DNS_ROUND_ROBIN"  # Envoy resolves, connects to the first address
    PASSTHROUGH = "PASSTHROUGH"  # the connection's original destination
    ALIAS = "ALIAS"  # ExternalName: another name for ``alias_of``


@frozen
class Port:
    """A port of a service. ``number`` is the service's; endpoints carry their own."""

    number: int
    name: str
    protocol: Protocol


@frozen
class ServiceKey:
    """Services with one hostname in two namespaces are two services."""

    hostname: str
    namespace: str


@frozen
class Service:
    """A service as clients know it. ``age`` sorts older first (see ``galley.meta.Resource.age``)."""

    hostname: str
    namespace: str
    ports: tuple[Port, ...]
    origin: ResourceKey
    resolution: ServiceResolution = ServiceResolution.CLIENT_SIDE
    addresses: tuple[str, ...] = ()
    mesh_external: bool = False
    export_to: tuple[str, ...] = ()
    labels: Labels = NO_LABELS
    subject_alt_names: tuple[str, ...] = ()
    selector: Labels = NO_LABELS
    """The labels of its workloads; empty when endpoints are given otherwise."""
    kubernetes: bool = False
    headless: bool = False
    alias_of: str = ""
    target_ports: tuple[tuple[int, int], ...] = ()
    """Pairs (service port, numeric target port) where the target differs and is known without an endpoint."""
    age: tuple[bool, str, str, str] = (True, "", "", "")
    also_from: tuple[ResourceKey, ...] = ()
    """Further resources that gave ports to this service."""

    @cached_property
    def key(self) -> ServiceKey:
        """What no other service of a catalog has: hostname and namespace."""
        return ServiceKey(hostname=self.hostname, namespace=self.namespace)

    @property
    def origins(self) -> tuple[ResourceKey, ...]:
        """All resources that the service was made from."""
        return (self.origin, *self.also_from)

    def port_numbered(self, number: int) -> Port | None:
        """The port that clients know by ``number``; None when there is none."""
        return next((port for port in self.ports if port.number == number), None)

    def target_port(self, number: int) -> int:
        """The numeric port that endpoints of service port ``number`` listen on, as far as the service says it."""
        return dict(self.target_ports).get(number, number)


@frozen
class Workload:
    """One running instance: where it is and what selectors may ask about it.

    ``id`` names the WorkloadEntry or the node, so that no two that can be selected are equal; it is "" when inline.
    """

    namespace: str
    address: str
    ports: FrozenMap[str, int] = FrozenMap()
    labels: Labels = NO_LABELS
    network: str = ""
    locality: Locality = NOWHERE
    weight: int = 1
    service_account: str = ""
    id: str = ""
    serving: bool = True
    proxied_ports: tuple[int, ...] | None = None
    """The ports behind its own proxy; None for all."""


@frozen
class Endpoint:
    """One address of one port of a service. ``port`` is 0 and ``address`` a path for a Unix socket.

    One that is not ``serving`` yet is known to its own proxy only.
    """

    address: str
    port: int
    labels: Labels = NO_LABELS
    locality: Locality = NOWHERE
    weight: int = 1
    network: str = ""
    service_account: str = ""
    serving: bool = True
    proxied: bool = True
    """Whether the workload's own proxy listens there (if it has one), or the application itself."""


class Endpoints(tuple[Endpoint, ...]):
    """A tuple of endpoints whose hash is computed once: it is looked up at every push, whole."""

    def __hash__(self) -> int:
        known: int | None = self.__dict__.get("_hash")
        if known is None:
            known = self.__dict__["_hash"] = super().__hash__()
        return known


EndpointsByPort = Mapping[str, tuple[Endpoint, ...]]
"""Endpoints of one service by port name, each tuple sorted by address and port."""


@frozen
class WorkloadPort:
    """A port on which a workload serves a service: what its inbound listener is made of."""

    service: Service
    port: Port
    endpoint: Endpoint


@dataclass(frozen=True, slots=True, eq=False)
class Contribution:
    """What one resource gives to the catalog, kept so that an unchanged resource is not read again.

    ``endpoints`` is parallel to ``services``; ``selected`` are the workloads that ``selector`` found.
    """

    resource: Resource[Any]
    selector: Labels | None
    selected: tuple[Workload, ...]
    services: tuple[Service, ...]
    endpoints: tuple[EndpointsByPort, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ServiceCatalog:
    """Everything that the registries say at one moment.

    Unchanged services and endpoint tuples are the same objects from catalog to catalog, so that work downstream
    follows what changed. ``by_address`` answers "which ports does this address serve".
    """

    services: Mapping[ServiceKey, Service] = field(default_factory=dict)
    endpoints: Mapping[ServiceKey, EndpointsByPort] = field(default_factory=dict)
    by_address: Mapping[str, tuple[WorkloadPort, ...]] = field(default_factory=dict)
    contributions: Mapping[Resource[Any], Contribution] = field(default_factory=dict, repr=False)
    workloads: Mapping[Hashable, Workload] = field(default_factory=dict, repr=False)
    """The last two are what the next catalog is built from; nobody else reads them."""

    def endpoints_of(self, key: ServiceKey, port_name: str) -> tuple[Endpoint, ...]:
        """The endpoints of one port, by its name; none for a service or a port that is not there."""
        return self.endpoints.get(key, {}).get(port_name, ())
