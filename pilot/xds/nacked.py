"""What a client nacked in one type: which resources a NACK is about, and what the client goes on with instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pilot.xds.events import Respond
from pilot.xds.resources import EncodedResource, ResourceSet

_PART_OF_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_|-/")


def named_resources(resources: Iterable[EncodedResource], error: str) -> tuple[EncodedResource, ...]:
    """Those of ``resources`` that ``error`` names; none when it does not say which it is about.

    Envoy writes ``Error adding/updating listener(s) NAME: reason, NAME: reason``; other types quote the name
    somewhere, and a message that breaks a constraint of its proto is refused without a name.
    """
    return tuple(resource for resource in resources if resource.name and _names(error, resource.name))


def _names(text: str, name: str) -> bool:
    """Whether ``name`` stands in ``text`` as a whole: ``0.0.0.0_80`` is not in ``0.0.0.0_8080``."""
    at = text.find(name)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(name) : at + len(name) + 2]
        # A dot goes on a name when more of a name follows it, and ends a sentence otherwise.
        goes_on = after[:1] in _PART_OF_NAME or (after[:1] == "." and after[1:] in _PART_OF_NAME)
        if before not in _PART_OF_NAME and before != "." and not (after and goes_on):
            return True
        at = text.find(name, at + 1)
    return False


@dataclass(slots=True)
class NackedResources:
    """What the client of one stream rejected in one type. Its fields are changed by its methods alone.

    ``versions`` are those that it rejected, by resource name, and ``previous`` is what it goes on with instead, if
    anything. ``unattributed`` are names rejected together by a text that names none of them, so that some may be good
    and yet not accepted; ``removals`` are names whose removal was rejected with them.
    """

    versions: dict[str, str] = field(default_factory=dict)
    previous: dict[str, EncodedResource] = field(default_factory=dict)
    unattributed: frozenset[str] = frozenset()
    removals: frozenset[str] = frozenset()

    def add(self, failing: Iterable[EncodedResource], acked: ResourceSet | None) -> None:
        """The client rejected ``failing`` and had ``acked`` before."""
        for resource in failing:
            before = acked.get(resource.name) if acked is not None else None
            if before is not None and before.version not in (resource.version, self.versions.get(resource.name)):
                self.previous[resource.name] = before
            self.versions[resource.name] = resource.version

    def add_unattributed(self, response: Respond) -> None:
        """The client rejected ``response`` as a whole, and did not say for which of its resources."""
        self.unattributed |= response.resources.name_set
        self.removals |= frozenset(response.removed)

    def forget_replaced(self, response: Respond) -> None:
        """``response``, now acked, replaced or removed what was rejected before it."""
        if self.versions:
            replaced = (r.name for r in response.resources if r is not self.previous.get(r.name))
            self._forget((*replaced, *response.removed))

    def forget_unwanted(self, target: ResourceSet) -> None:
        """Rejected versions that are not in ``target`` will not be sent again."""
        self._forget(name for name, version in self.versions.items() if not _has(target, name, version))

    def take_unattributed(self, target: ResourceSet) -> tuple[frozenset[str], frozenset[str]]:
        """Names that are to be sent again, and names to be removed again: none while all that was rejected together
        is in ``target`` as it was. Once one of it is changed, that may have been the bad one.
        """
        names, removals = self.unattributed, self.removals
        if all(_has(target, name, self.versions[name]) for name in names if name in self.versions):
            return frozenset(), frozenset()
        self.versions = {name: version for name, version in self.versions.items() if name not in names}
        self.unattributed = self.removals = frozenset()
        return names & target.name_set, removals

    def acceptable(self, target: ResourceSet) -> ResourceSet:
        """``target`` with what the client goes on with in the place of what it rejected.

        Absence from a complete set would take that away from it, and the rejected version would only be rejected again.
        """
        rejected = [name for name, version in self.versions.items() if _has(target, name, version)]
        rejected = [name for name in rejected if name not in self.unattributed]
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


def _has(resources: ResourceSet, name: str, version: str) -> bool:
    found = resources.get(name)
    return found is not None and found.version == version
