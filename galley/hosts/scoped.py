"""``namespace/host``: hosts of Gateways and of Sidecars, which count for resources of one namespace or of all."""

from __future__ import annotations

from collections.abc import Iterable

from galley.exports import EVERYWHERE, NOWHERE, OWN_NAMESPACE
from galley.frozen import frozen
from galley.hosts.wildcards import hosts_match, is_subset


@frozen
class ScopedHost:
    """A host, in lower case, for resources of ``namespace`` (``*``: of all)."""

    namespace: str
    host: str

    def is_for(self, namespace: str) -> bool:
        """Whether it counts for resources of ``namespace``."""
        return self.namespace in (EVERYWHERE, namespace)


def scope_host(text: str, namespace: str) -> ScopedHost:
    """``host`` or ``namespace/host`` of a resource in ``namespace``, for which ``.`` stands; without one, for all."""
    owner, slash, host = text.rpartition("/")
    return ScopedHost((namespace if owner == OWN_NAMESPACE else owner) if slash else EVERYWHERE, host.lower())


@frozen
class EgressHosts:
    """The ``hosts`` of an egress listener: what it imports, and what of that it leaves out again."""

    imported: tuple[ScopedHost, ...]
    excluded: tuple[ScopedHost, ...] = ()

    def imports_service(self, namespace: str, hostname: str) -> bool:
        """Whether a service is imported: its host, which may be a wildcard, must be within one of the entries."""
        return _hold(self.imported, namespace, hostname) and not _hold(self.excluded, namespace, hostname)

    def imports_rule(self, namespace: str, hosts: Iterable[str]) -> bool:
        """Whether a rule of ``namespace`` for ``hosts`` is imported: either side may be the wildcard."""
        mine = [entry.host for entry in self.imported if entry.is_for(namespace)]
        return any(hosts_match(host, own) for own in hosts for host in mine)


def _hold(entries: tuple[ScopedHost, ...], namespace: str, hostname: str) -> bool:
    return any(entry.is_for(namespace) and is_subset(hostname, of=entry.host) for entry in entries)


def read_egress_hosts(hosts: Iterable[str], namespace: str) -> EgressHosts:
    """``namespace/host`` entries of a Sidecar for proxies of ``namespace``: ``.`` is theirs, ``~/*`` imports nothing,
    and ``~namespace/host`` leaves out again."""
    imported: list[ScopedHost] = []
    excluded: list[ScopedHost] = []
    for entry in hosts:
        if entry.startswith(f"{NOWHERE}/"):
            continue
        target = excluded if entry.startswith(NOWHERE) else imported
        target.append(scope_host(entry.removeprefix(NOWHERE), namespace))
    return EgressHosts(imported=tuple(imported), excluded=tuple(excluded))
