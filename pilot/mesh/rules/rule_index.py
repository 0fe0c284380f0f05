"""The traffic rules of a configuration by the gateway that they count at, in the order in which they compete.

Whatever API a rule is written in, a reader makes it a ``TrafficRule``. What did not change is not read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from galley.kinds.networking.virtual_service import VirtualService
from galley.meta import Resource
from galley.snapshot import ConfigSnapshot
from pilot.mesh.rules.delegates import delegates_of
from pilot.mesh.rules.model import RuleSettings, TrafficRule
from pilot.mesh.rules.read_virtual_service import read_virtual_service

Reading = tuple[Resource[Any], tuple[Resource[Any], ...]]
"""A resource that holds rules, and the others of which they are made, too."""


@dataclass(frozen=True, slots=True)
class RuleReader:
    """Reads the resources of one kind: ``read`` makes rules of what ``parts`` names beside a resource, and of that."""

    read: Callable[[Resource[Any], tuple[Resource[Any], ...], RuleSettings], tuple[TrafficRule, ...]]
    parts: Callable[[Resource[Any], ConfigSnapshot], tuple[Resource[Any], ...]]


RULE_READERS: dict[type[Any], RuleReader] = {VirtualService: RuleReader(read_virtual_service, delegates_of)}
"""Who reads the resources of each kind that holds rules for traffic. The next API is one more line."""


@dataclass(frozen=True, slots=True, eq=False)
class RuleIndex:
    """Rules by gateway (``mesh`` or ``namespace/name``), oldest first.

    ``source_labels`` are the label names that some condition asks about: proxies that differ in others only are alike.
    """

    settings: RuleSettings
    by_reading: Mapping[Reading, tuple[TrafficRule, ...]]
    by_gateway: Mapping[str, tuple[TrafficRule, ...]]
    source_labels: frozenset[str]

    def candidates(self, gateway: str, namespace: str) -> tuple[TrafficRule, ...]:
        """Those visible from ``namespace``: private ones of the namespace first, then those exported to it by name,
        then public ones; older first within each."""
        ranked: tuple[list[TrafficRule], ...] = ([], [], [])
        for rule in self.by_gateway.get(gateway, ()):
            if rule.exports.everywhere:
                ranked[2].append(rule)
            elif rule.exports.includes(namespace):
                ranked[0 if rule.namespace == namespace else 1].append(rule)
        return (*ranked[0], *ranked[1], *ranked[2])


def index_rules(config: ConfigSnapshot, previous: RuleIndex | None = None) -> RuleIndex:
    """Read and index the rules of ``config``.

    Rules of resources that are in ``previous`` as well are the same objects as there; when that is all of them, so is
    the index.
    """
    settings = RuleSettings(domain=config.domain, export_default=config.mesh.default_virtual_service_export_to)
    known = previous.by_reading if previous is not None and previous.settings == settings else {}
    read: dict[Reading, tuple[TrafficRule, ...]] = {}
    for kind, reader in RULE_READERS.items():
        for resource in config.of(kind):
            reading = resource, reader.parts(resource, config)
            read[reading] = known[reading] if reading in known else reader.read(*reading, settings)
    if previous is not None and known is previous.by_reading and read.keys() == known.keys():
        return previous
    rules = sorted((rule for found in read.values() for rule in found), key=lambda rule: rule.age)
    return RuleIndex(
        settings=settings,
        by_reading=read,
        by_gateway=_by_gateway(rules),
        source_labels=frozenset(name for rule in rules for site in rule.sites for name in site.source_labels),
    )


def _by_gateway(rules: Iterable[TrafficRule]) -> dict[str, tuple[TrafficRule, ...]]:
    by_gateway: dict[str, list[TrafficRule]] = {}
    for rule in rules:
        for gateway in rule.gateways:
            by_gateway.setdefault(gateway, []).append(rule)
    return {gateway: tuple(bound) for gateway, bound in by_gateway.items()}
