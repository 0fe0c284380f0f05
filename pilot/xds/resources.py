"""What travels over xDS: type URLs and their rules, encoded resources, and the sets of them that a proxy may hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NewType, TypeVar, cast

TypeUrl = NewType("TypeUrl", str)
_T = TypeVar("_T")
_MISSING = object()

_PREFIX = "type.googleapis.com/"
CLUSTER = TypeUrl(_PREFIX + "envoy.config.cluster.v3.Cluster")
ENDPOINT = TypeUrl(_PREFIX + "envoy.config.endpoint.v3.ClusterLoadAssignment")
LISTENER = TypeUrl(_PREFIX + "envoy.config.listener.v3.Listener")
ROUTE = TypeUrl(_PREFIX + "envoy.config.route.v3.RouteConfiguration")
SECRET = TypeUrl(_PREFIX + "envoy.extensions.transport_sockets.tls.v3.Secret")
HEALTH = TypeUrl(_PREFIX + "istio.v1.HealthInformation")
"""Nothing is served of this type: by a request of it Istio's agents report that their workload is healthy or, with
error_detail, that it is not. It is not answered."""

PUSH_ORDER: tuple[TypeUrl, ...] = (CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET)
"""Make before break: a listener never arrives before the clusters that it routes to (xDS protocol, "Eventual
consistency considerations")."""

WILDCARD_TYPES: frozenset[TypeUrl] = frozenset({CLUSTER, LISTENER})
"""Types for which an empty first request asks for everything; their state-of-the-world responses are complete sets."""

SHORT_NAMES: Mapping[TypeUrl, str] = {CLUSTER: "CDS", ENDPOINT: "EDS", LISTENER: "LDS", ROUTE: "RDS", SECRET: "SDS"}


LISTS: Mapping[str, TypeUrl] = {
    "clusters": CLUSTER,
    "endpoints": ENDPOINT,
    "listeners": LISTENER,
    "routes": ROUTE,
    "secrets": SECRET,
}
"""The lists of a dump and the type that each holds."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedResource:
    """One resource, encoded once and shared by all proxies that need the same.

    ``any`` is the encoded ``google.protobuf.Any`` that holds it. ``version`` is a hash of the content, so equal
    resources have equal versions over restarts. ``origins`` are opaque here: what the resource was made from.
    """

    name: str
    version: str
    any: bytes = field(repr=False)  # a secret's content is a key
    origins: tuple[Hashable, ...] = ()


class ResourceSet:
    """All resources of one type in one scope: immutable, versioned by content.

    A thousand proxies may hold the same set, so what is derived from it (a selection, a difference, the joined body of
    a response) is remembered here by a key that says what it depends on besides this set.
    """

    __slots__ = ("_covered_by", "_derived", "_name_set", "_resources", "_versions", "type_url", "version")

    def __init__(self, type_url: TypeUrl, resources: Iterable[EncodedResource]) -> None:
        self.type_url = type_url
        self._resources: dict[str, EncodedResource] = {r.name: r for r in sorted(resources, key=lambda r: r.name)}
        digest = hashlib.blake2b(digest_size=8)
        for resource in self._resources.values():
            digest.update(f"{resource.name}\0{resource.version}\0".encode())
        self.version: str = digest.hexdigest()
        self._name_set: frozenset[str] | None = None
        self._covered_by: frozenset[str] | None = None
        self._versions: Mapping[str, str] | None = None
        self._derived: dict[Hashable, object] = {}

    def __len__(self) -> int:
        return len(self._resources)

    def __iter__(self) -> Iterator[EncodedResource]:
        return iter(self._resources.values())

    def __contains__(self, name: object) -> bool:
        return name in self._resources

    def __repr__(self) -> str:
        return (
            f"ResourceSet({SHORT_NAMES.get(self.type_url, self.type_url)}, {[f'{r.name}={r.version}' for r in self]})"
        )

    def get(self, name: str) -> EncodedResource | None:
        """The resource of this name."""
        return self._resources.get(name)

    def names(self) -> Iterable[str]:
        """The names of all resources, in order."""
        return self._resources.keys()

    @property
    def name_set(self) -> frozenset[str]:
        """The names as one shared value: streams that ask for all of them hold this object and not a copy."""
        if self._name_set is None:
            self._name_set = frozenset(self._resources)
        return self._name_set

    @property
    def versions(self) -> Mapping[str, str]:
        """The version of each resource by its name."""
        if self._versions is None:
            self._versions = {r.name: r.version for r in self}
        return self._versions

    def derive(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """The value of ``make()``, kept under ``key``; the oldest of 32 is forgotten for a new one."""
        found = self._derived.get(key, _MISSING)
        if found is _MISSING:
            found = make()
            if len(self._derived) >= 32:
                del self._derived[next(iter(self._derived))]
            self._derived[key] = found
        return cast(_T, found)

    def select(self, names: frozenset[str]) -> ResourceSet:
        """The resources with these names; names that do not exist are passed over."""
        if names is self._covered_by or names is self._name_set:
            return self
        if names >= self.name_set:
            self._covered_by = names  # a thousand streams ask by the same names, mostly by this very object
            return self
        found = self._resources
        return self.derive(
            ("select", names), lambda: ResourceSet(self.type_url, (found[name] for name in names if name in found))
        )

    def without(self, names: Collection[str]) -> ResourceSet:
        """The resources with other names than these."""
        if not any(name in self._resources for name in names):
            return self
        return ResourceSet(self.type_url, (r for r in self if r.name not in names))

    def joined_by(self, others: Collection[EncodedResource]) -> ResourceSet:
        """This set and others; a name that is in both is taken from this one."""
        added = tuple(r for r in others if r.name not in self._resources)
        if not added:
            return self
        # A resource known by its version alone, without bytes, must not pass for a whole one of the same version.
        key = ("joined by", tuple((r.name, r.version, bool(r.any)) for r in added))
        return self.derive(key, lambda: ResourceSet(self.type_url, (*self, *added)))

    def with_rest_of(self, other: ResourceSet) -> ResourceSet:
        """This set and what only the other one has."""
        if other is self or other.name_set <= self.name_set:
            return self
        return self.joined_by([r for r in other if r.name not in self._resources])

    def since(self, previous: ResourceSet) -> Change:
        """What someone who holds ``previous`` lacks of this set, and what he holds too much."""
        if previous is self or previous.version == self.version:
            return Change(_nothing(self.type_url), ())
        if not len(previous):
            return Change(self, ())
        return self.derive(("since", previous.version), lambda: self._difference(previous))

    def _difference(self, previous: ResourceSet) -> Change:
        old = previous._resources
        changed = [r for r in self if (was := old.get(r.name)) is not r and (was is None or was.version != r.version)]
        removed = tuple(name for name in old if name not in self._resources)
        return Change(self if len(changed) == len(self) else ResourceSet(self.type_url, changed), removed)


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """The way from one set to another. ``changed`` holds the new ones too."""

    changed: ResourceSet
    removed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(len(self.changed) or self.removed)


@lru_cache(maxsize=64)
def _nothing(type_url: TypeUrl) -> ResourceSet:
    return ResourceSet(type_url, ())


class ResourceSnapshot:
    """All that one proxy may receive, by type. A type that is not served yet has an empty set."""

    __slots__ = ("_by_type",)

    def __init__(self, sets: Iterable[ResourceSet]) -> None:
        self._by_type: dict[TypeUrl, ResourceSet] = {s.type_url: s for s in sets}

    def with_set(self, added: ResourceSet) -> ResourceSnapshot:
        """The same with ``added`` as all resources of its type."""
        return ResourceSnapshot((*self._by_type.values(), added))

    def of(self, type_url: TypeUrl) -> ResourceSet:
        """All resources of a type."""
        found = self._by_type.get(type_url)
        return found if found is not None else _nothing(type_url)
