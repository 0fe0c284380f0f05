"""VirtualServices with ``tls`` or ``tcp`` routes, by the services that they name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from galley.hosts.wildcards import hosts_match, is_wildcard
from galley.kinds.networking.virtual_service import VirtualService
from galley.meta import Resource
from pilot.mesh.context.visibility import EgressServices, resolved_hosts


@dataclass(frozen=True, slots=True, eq=False)
class OpaqueRules:
    """Rules in candidate order: by exact host, and those with a wildcard host."""

    rules: tuple[tuple[Resource[VirtualService], tuple[str, ...]], ...]
    by_host: dict[str, tuple[int, ...]]
    with_wildcards: tuple[int, ...]

    def naming(self, hostname: str) -> tuple[Resource[VirtualService], ...]:
        """The rules one of whose hosts contains the service's, or is within it, in candidate order."""
        if not self.rules:
            return ()
        if is_wildcard(hostname):
            return tuple(self._matching(range(len(self.rules)), hostname))
        candidates = {*self.by_host.get(hostname, ()), *self.with_wildcards}
        return tuple(self._matching(sorted(candidates), hostname))

    def _matching(self, candidates: Iterable[int], hostname: str) -> Iterator[Resource[VirtualService]]:
        for place in candidates:
            rule, hosts = self.rules[place]
            if any(hosts_match(host, hostname) for host in hosts):
                yield rule


def index_opaque_rules(imported: EgressServices) -> OpaqueRules:
    """Index the imported rules that route opaque connections."""
    rules = tuple((rule, resolved_hosts(rule)) for rule in imported.virtual_services if rule.spec.tls or rule.spec.tcp)
    by_host: dict[str, tuple[int, ...]] = {}
    with_wildcards = []
    for place, (_, hosts) in enumerate(rules):
        for host in hosts:
            by_host[host] = (*by_host.get(host, ()), place)
        if any(map(is_wildcard, hosts)):
            with_wildcards.append(place)
    return OpaqueRules(rules=rules, by_host=by_host, with_wildcards=tuple(with_wildcards))
