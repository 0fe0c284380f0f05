"""What a client nacked in one type: which resources a NACK is about, and what the client goes on with instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pilot.xds.events import Respond
from pilot.xds.resources import CLUSTER, LISTENER, EncodedResource, ResourceSet, TypeUrl

_LISTS: Mapping[TypeUrl, tuple[str, str]] = {
    LISTENER: ("Error adding/updating listener(s) ", "\n"),
    CLUSTER: ("Error adding/updating cluster(s) ", ", "),
}
"""How Envoy begins a text that lists refused resources as ``NAME: reason``, and what it writes between two of them
(lds_api.cc, cds_api_impl.cc). All others of the response it has taken."""

_SENTENCES = (
    re.compile(
        r"Unexpected (?:RDS|EDS|SDS) (?:configuration|cluster|secret) \(expecting (?P<name>[^)]+)\): .*", re.DOTALL
    ),
    re.compile(r"Only unique values for domains are permitted\. Duplicate entry of domain \S+ in route (?P<name>\S+)"),
    re.compile(r"Only a single wildcard domain is permitted in route (?P<name>\S+)"),
)
"""What Envoy says of a single resource, from its first word to its last."""

_TRUNCATED = "...(truncated)"
"""How Envoy ends a text of more than 4096 bytes (``truncateGrpcStatusMessage``)."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whom a NACK is about: ``certain`` ones, and ``doubtful`` ones, of which some or all may be good.

    ``whole`` tells that the client has taken nothing of the response.
    """

    certain: tuple[EncodedResource, ...]
    doubtful: tuple[EncodedResource, ...]
    whole: bool


def attribute(response: Respond, suspects: tuple[EncodedResource, ...], error: str) -> Attribution:
    """Whom of ``response`` the text ``error`` of its NACK is about; ``suspects`` when it does not say.

    Only the frame of Envoy's text counts. Its reasons quote the refused message, and with it names of others.
    """
    start, separator = _LISTS.get(response.type_url, ("", ""))
    if start and error.startswith(start):
        certain, doubtful = _listed(tuple(response.resources), error.removeprefix(start), separator)
        if certain:
            if error.endswith(_TRUNCATED):
                doubtful = tuple(r for r in suspects if r not in certain)
            return Attribution(certain, doubtful, whole=False)
    matches = (sentence.fullmatch(error.strip()) for sentence in _SENTENCES)
    named = {match["name"] for match in matches if match}
    certain = tuple(r for r in response.resources if r.name in named)
    if certain or len(suspects) == 1:
        return Attribution(certain or suspects, (), whole=True)
    return Attribution((), suspects, whole=True)


def _listed(
    resources: tuple[EncodedResource, ...], text: str, separator: str
) -> tuple[tuple[EncodedResource, ...], tuple[EncodedResource, ...]]:
    """The resource that a list begins with, and those that seem to follow: a reason may have such a place, too."""
    first = max((r for r in resources if text.startswith(f"{r.name}: ")), key=lambda r: len(r.name), default=None)
    if first is None:
        return (), ()
    return (first,), tuple(r for r in resources if r is not first and f"{separator}{r.name}: " in text)


@dataclass(slots=True)
class NackedResources:
    """What the client of one stream rejected in one type. Its fields are changed by its methods alone.

    ``versions`` are those that it rejected, by resource name, and ``previous`` is what it goes on with instead, if
    anything. ``trials`` are names that it rejected together, so that some may be good: each group is sent once more
    without the others. ``together`` remembers with what it rejected them, as versions by name.
    """

    versions: dict[str, str] = field(default_factory=dict)
    previous: dict[str, EncodedResource] = field(default_factory=dict)
    trials: tuple[frozenset[str], ...] = ()
    together: tuple[Mapping[str, str], ...] = ()

    def suspects(self, response: Respond, acked: ResourceSet | None) -> tuple[EncodedResource, ...]:
        """Those of ``response`` that were new to a client which had ``acked``: all when none was."""
        new = tuple(r for r in response.resources if not self._is_accepted(r, acked))
        return new or tuple(response.resources)

    def _is_accepted(self, resource: EncodedResource, acked: ResourceSet | None) -> bool:
        had = acked is not None and _has(acked, resource.name, resource.version)
        return had or resource is self.previous.get(resource.name)

    def add(self, failing: Iterable[EncodedResource], acked: ResourceSet | None) -> None:
        """The client rejected ``failing`` and had ``acked`` before."""
        for resource in failing:
            before = acked.get(resource.name) if acked is not None else None
            if before is not None and before.version not in (resource.version, self.versions.get(resource.name)):
                self.previous[resource.name] = before
            self.versions[resource.name] = resource.version

    def try_apart(self, attribution: Attribution) -> None:
        """Plan to send the doubtful half by half, so that a few responses tell the bad ones from the good."""
        doubtful = [r.name for r in attribution.doubtful]
        if not doubtful:
            return
        middle = (len(doubtful) + 1) // 2
        halves = (frozenset(doubtful[:middle]), frozenset(doubtful[middle:]))
        self.trials = (*(half for half in halves if half), *self.trials)
        failing = (*attribution.certain, *attribution.doubtful)
        self.together = (*self.together, {r.name: r.version for r in failing})

    def forget_replaced(self, response: Respond) -> None:
        """``response``, now acked, replaced or removed what was rejected before it."""
        if self.versions or self.previous:
            replaced = (r.name for r in response.resources if r is not self.previous.get(r.name))
            self._forget((*replaced, *response.removed))

    def forget_unwanted(self, target: ResourceSet) -> None:
        """Rejected versions that are not in ``target`` will not be sent again."""
        if not self.versions:
            return
        self._forget(name for name, version in self.versions.items() if not _has(target, name, version))

    def take_retries(self, target: ResourceSet) -> frozenset[str]:
        """Names that are to be sent again as they are: the next group to be tried apart, and what was rejected
        together with something that is another in ``target`` by now.
        """
        if not self.versions:
            self.trials = self.together = ()
            return _NONE
        self.together = tuple(group for group in self.together if not self.versions.keys().isdisjoint(group))
        changed = [group for group in self.together if not all(_has(target, *item) for item in group.items())]
        self.together = tuple(group for group in self.together if group not in changed)
        names = frozenset(name for group in changed for name in group if self._is_wanted(name, target))
        while not names and self.trials:
            group, *rest = self.trials
            self.trials = tuple(rest)
            names = frozenset(name for name in group if self._is_wanted(name, target))
        self.versions = {name: version for name, version in self.versions.items() if name not in names}
        return names

    def _is_wanted(self, name: str, target: ResourceSet) -> bool:
        return name in self.versions and _has(target, name, self.versions[name])

    def acceptable(self, target: ResourceSet) -> ResourceSet:
        """``target`` with what the client goes on with in the place of what it rejected.

        Absence from a complete set would take that away from it, and the rejected version would only be rejected again.
        """
        rejected = [name for name, version in self.versions.items() if _has(target, name, version)]
        if not rejected:
            return target
        return target.without(rejected).joined_by([self.previous[name] for name in rejected if name in self.previous])

    def has_any_of(self, wanted: ResourceSet) -> bool:
        """Whether the client rejects a resource of ``wanted`` just as it is."""
        return any(_has(wanted, name, version) for name, version in self.versions.items())

    def _forget(self, names: Iterable[str]) -> None:
        for name in tuple(names):
            self.versions.pop(name, None)
            self.previous.pop(name, None)


_NONE: frozenset[str] = frozenset()


def _has(resources: ResourceSet, name: str, version: str) -> bool:
    found = resources.get(name)
    return found is not None and found.version == version
