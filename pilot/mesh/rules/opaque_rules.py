"""Rules for opaque connections, by the services that they name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from galley.hosts.wildcards import hosts_match, is_wildcard
from pilot.mesh.context.visibility import EgressServices
from pilot.mesh.rules.model import TrafficRule


@dataclass(frozen=True, slots=True, eq=False)
class OpaqueRules:
    """Rules in candidate order; their numbers by host, and of those with a wildcard host."""

    rules: tuple[TrafficRule, ...]
    by_host: dict[str, tuple[int, ...]]
    with_wildcards: tuple[int, ...]

    def naming(self, hostname: str) -> tuple[TrafficRule, ...]:
        """The rules one of whose hosts contains the service's, or is within it, in candidate order."""
        if not self.rules:
            return ()
        if is_wildcard(hostname):
            return tuple(self._matching(range(len(self.rules)), hostname))
        candidates = {*self.by_host.get(hostname, ()), *self.with_wildcards}
        return tuple(self._matching(sorted(candidates), hostname))

    def _matching(self, candidates: Iterable[int], hostname: str) -> Iterator[TrafficRule]:
        for number in candidates:
            rule = self.rules[number]
            if any(hosts_match(host, hostname) for host in rule.hosts):
                yield rule


def index_opaque_rules(imported: EgressServices) -> OpaqueRules:
    """Index the imported rules that route opaque connections."""
    rules = tuple(rule for rule in imported.rules if rule.tls or rule.tcp)
    by_host: dict[str, tuple[int, ...]] = {}
    with_wildcards = []
    for number, rule in enumerate(rules):
        for host in rule.hosts:
            by_host[host] = (*by_host.get(host, ()), number)
        if any(map(is_wildcard, rule.hosts)):
            with_wildcards.append(number)
    return OpaqueRules(rules=rules, by_host=by_host, with_wildcards=tuple(with_wildcards))
