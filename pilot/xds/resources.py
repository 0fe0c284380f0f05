"""What travels over xDS: type URLs and their rules, encoded resources, and the sets of them that a proxy may hold."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NewType

TypeUrl = NewType("TypeUrl", str)

_PREFIX = "type.googleapis.com/"
CLUSTER = TypeUrl(_PREFIX + "envoy.config.cluster.v3.Cluster")
ENDPOINT = TypeUrl(_PREFIX + "envoy.config.endpoint.v3.ClusterLoadAssignment")
LISTENER = TypeUrl(_PREFIX + "envoy.config.listener.v3.Listener")
ROUTE = TypeUrl(_PREFIX + "envoy.config.route.v3.RouteConfiguration")
SECRET = TypeUrl(_PREFIX + "envoy.extensions.transport_sockets.tls.v3.Secret")

PUSH_ORDER: tuple[TypeUrl, ...] = (CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET)
"""Make before break: a listener never arrives before the clusters that it routes to (xDS protocol, "Eventual
consistency considerations")."""

WILDCARD_TYPES: frozenset[TypeUrl] = frozenset({CLUSTER, LISTENER})
"""Types for which an empty first request asks for everything; their state-of-the-world responses are complete sets."""

SHORT_NAMES: Mapping[TypeUrl, str] = {CLUSTER: "CDS", ENDPOINT: "EDS", LISTENER: "LDS", ROUTE: "RDS", SECRET: "SDS"}


@dataclass(frozen=True, slots=True, eq=False)
class EncodedResource:
    """One resource, encoded once and shared by all proxies that need the same.

    ``any`` is the encoded ``google.protobuf.Any`` that holds it. ``version`` is a hash of the content, so equal
    resources have equal versions over restarts. ``origins`` are opaque here: what the resource was made from.
    """

    name: str
    version: str
    any: bytes
    origins: tuple[Hashable, ...] = ()


class ResourceSet:
    """All resources of one type in one scope: immutable, versioned by content."""

    __slots__ = ("_resources", "type_url", "version")

    def __init__(self, type_url: TypeUrl, resources: Iterable[EncodedResource]) -> None:
        self.type_url = type_url
        self._resources: dict[str, EncodedResource] = {r.name: r for r in sorted(resources, key=lambda r: r.name)}
        digest = hashlib.blake2b(digest_size=8)
        for resource in self._resources.values():
            digest.update(f"{resource.name}\0{resource.version}\0".encode())
        self.version: str = digest.hexdigest()

    def __len__(self) -> int:
        return len(self._resources)

    def __iter__(self) -> Iterator[EncodedResource]:
        return iter(self._resources.values())

    def __contains__(self, name: object) -> bool:
        return name in self._resources

    def get(self, name: str) -> EncodedResource | None:
        return self._resources.get(name)

    def names(self) -> Iterable[str]:
        return self._resources.keys()


class ResourceSnapshot:
    """All that one proxy may receive, by type. A type that is not served yet has an empty set."""

    __slots__ = ("_by_type",)

    def __init__(self, sets: Iterable[ResourceSet]) -> None:
        self._by_type: dict[TypeUrl, ResourceSet] = {s.type_url: s for s in sets}

    def of(self, type_url: TypeUrl) -> ResourceSet:
        found = self._by_type.get(type_url)
        return found if found is not None else ResourceSet(type_url, ())
