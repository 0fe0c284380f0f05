"""What a client asks for in one type, and what it already holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from pilot.xds.events import Respond
from pilot.xds.resources import WILDCARD_TYPES, EncodedResource, ResourceSet, TypeUrl

WILDCARD = "*"


@dataclass(frozen=True, slots=True)
class Subscription:
    """The names that a client wants of one type.

    ``named`` tells whether it has ever sent a name: until then an empty list means everything for the types of
    WILDCARD_TYPES, afterwards it means nothing (xDS protocol, "How the client specifies what resources to return").
    """

    wildcard: bool = False
    names: frozenset[str] = frozenset()
    named: bool = False

    @property
    def active(self) -> bool:
        return self.wildcard or bool(self.names)

    def asking_for(self, names: Collection[str], type_url: TypeUrl) -> Subscription:
        """The subscription after a state-of-the-world request, which always lists all names."""
        if not names:
            return Subscription(wildcard=not self.named and type_url in WILDCARD_TYPES, named=self.named)
        wanted = frozenset(names)
        return Subscription(wildcard=WILDCARD in wanted, names=wanted - {WILDCARD}, named=True)

    def changed_by(self, subscribe: Collection[str], unsubscribe: Collection[str]) -> Subscription:
        """The subscription after an incremental request. A name in both lists ends up unsubscribed."""
        wanted, unwanted = frozenset(subscribe), frozenset(unsubscribe)
        return Subscription(
            wildcard=(self.wildcard or WILDCARD in wanted) and WILDCARD not in unwanted,
            names=(self.names | wanted) - unwanted - {WILDCARD},
            named=self.named or bool(subscribe),
        )

    def select(self, resources: ResourceSet) -> ResourceSet:
        """The part of ``resources`` that is asked for."""
        return resources if self.wildcard else resources.select(self.names)

    def sharing(self, resources: ResourceSet) -> Subscription:
        """The same subscription; asking for exactly ``resources``, it holds their names and no copy of them."""
        shared = resources.name_set
        return replace(self, names=shared) if self.names == shared else self


@dataclass(slots=True)
class Watch:
    """The conversation of one stream about one type.

    ``held`` is what the client has once it accepts what is in flight: every answer is the difference to it.
    ``asked`` marks a request that waits for its answer; ``owed`` an answer that is due even when nothing differs.
    ``returning`` marks a client that kept resources of an earlier stream, until it has answered a response here.
    ``known_version`` is the version that the client brought from an earlier stream, until it has been compared.
    ``told_version`` is the version that it last accepted here, and ``narrowed`` that it has since let go of names.
    ``unanswered`` are names just subscribed, which an incremental answer must mention even if they do not exist.
    ``accepted`` is what it held before the response in flight. ``rejected`` are the versions that the client refused,
    by name, and ``kept`` what it goes on with instead, if anything; ``suspects`` those refused together by a text that
    names none of them, so that some may be good and yet not held; ``unremoved`` are names whose
    removal was refused with them.
    """

    type_url: TypeUrl
    held: ResourceSet
    subscription: Subscription = field(default_factory=Subscription)
    nonce: str = ""
    in_flight: Respond | None = None
    asked: bool = True
    owed: bool = False
    returning: bool = False
    known_version: str = ""
    told_version: str = ""
    narrowed: bool = False
    unanswered: frozenset[str] = frozenset()
    accepted: ResourceSet | None = None
    rejected: dict[str, str] = field(default_factory=dict)
    kept: dict[str, EncodedResource] = field(default_factory=dict)
    suspects: frozenset[str] = frozenset()
    unremoved: frozenset[str] = frozenset()

    def reject(self, failing: Collection[EncodedResource]) -> None:
        """Remember which version of which resource the client refused, and what it held before."""
        for resource in failing:
            before = self.accepted.get(resource.name) if self.accepted is not None else None
            if before is not None and before.version not in (resource.version, self.rejected.get(resource.name)):
                self.kept[resource.name] = before
            self.rejected[resource.name] = resource.version

    def forgive(self, response: Respond) -> None:
        """Forget refusals of resources that ``response``, now accepted, replaced or removed."""
        if self.rejected:
            replaced = (r.name for r in response.resources if r is not self.kept.get(r.name))
            self._clear((*replaced, *response.removed))

    def acquit(self, target: ResourceSet) -> None:
        """Once one of the suspects is changed it may have been the bad one: the others are to be sent again."""
        if all(_has(target, name, self.rejected[name]) for name in self.suspects if name in self.rejected):
            return
        self.held = self.held.without({name for name in self.suspects if name in target})
        self.held = self.held.joined_by([EncodedResource(name, "", b"") for name in self.unremoved])
        self.rejected = {n: v for n, v in self.rejected.items() if n not in self.suspects}
        self.suspects, self.unremoved = frozenset(), frozenset()

    def prune_rejected(self, target: ResourceSet) -> None:
        """Forget refusals of versions that are no longer to be held."""
        self._clear(name for name, version in self.rejected.items() if not _has(target, name, version))

    def as_accepted(self, target: ResourceSet) -> ResourceSet:
        """``target`` with what the client goes on with in the place of what it refused.

        Absence from a complete set would take that away from it, and the refused version would only be refused again.
        """
        refused = [name for name, version in self.rejected.items() if _has(target, name, version)]
        refused = [name for name in refused if name not in self.suspects]
        if not refused:
            return target
        return target.without(refused).joined_by([self.kept[name] for name in refused if name in self.kept])

    def _clear(self, names: Iterable[str]) -> None:
        for name in tuple(names):
            self.rejected.pop(name, None)
            self.kept.pop(name, None)

    def is_rejecting(self, wanted: ResourceSet) -> bool:
        """Whether the client refuses a resource of ``wanted`` just as it is."""
        return any(_has(wanted, name, version) for name, version in self.rejected.items())


def _has(resources: ResourceSet, name: str, version: str) -> bool:
    found = resources.get(name)
    return found is not None and found.version == version


def pair_endpoints(endpoints: ResourceSet, clusters: ResourceSet) -> ResourceSet:
    """Load assignments whose versions tell for which version of their cluster they were sent.

    A new or changed cluster warms until it gets a load assignment sent after it, even an unchanged one (xDS protocol,
    "Resource warming"). With the cluster's version in the assignment's own that is no special case: a changed cluster
    changes its assignment, and an Envoy which lost the stream between the two is seen to lack the second. Clusters
    made here take their assignment by their own name.
    """
    # Proxies of one scope have the same endpoints and, beside inbound clusters of their own, the same clusters for
    # them: only those may tell one pairing from another.
    served = clusters.select(endpoints.name_set)
    return endpoints.derive(("paired", served.version), lambda: _pair(endpoints, served))


def _pair(endpoints: ResourceSet, clusters: ResourceSet) -> ResourceSet:
    return ResourceSet(endpoints.type_url, (pair_endpoint(r, clusters.get(r.name)) for r in endpoints))


def pair_endpoint(endpoint: EncodedResource, cluster: EncodedResource | None) -> EncodedResource:
    """``endpoint`` with the version of ``cluster`` after its own; one that was paired before is paired anew."""
    if cluster is None:
        return endpoint
    version = f"{endpoint.version.partition('@')[0]}@{cluster.version}"
    return EncodedResource(endpoint.name, version, endpoint.any, endpoint.origins)


def keep_paired(endpoints: ResourceSet, clusters: ResourceSet) -> ResourceSet:
    """Of the ``endpoints`` that a client kept, those which were sent for the very ``clusters`` that it kept.

    Another cluster warms still, and will not do with what was sent before it, even if it is changed back.
    """
    served = clusters.select(endpoints.name_set)

    def keep() -> ResourceSet:
        return endpoints.without({r.name for r in endpoints if not _is_paired(r, served.get(r.name))})

    return endpoints.derive(("kept with", served.version), keep)


def _is_paired(endpoint: EncodedResource, cluster: EncodedResource | None) -> bool:
    return cluster is None or endpoint.version == pair_endpoint(endpoint, cluster).version
