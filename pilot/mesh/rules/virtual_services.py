"""VirtualServices by the gateway that they are bound to, and in the order in which they compete for a host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from galley.exports import resolve_exports
from galley.hosts.names import MESH_GATEWAY, resolve_gateway
from galley.kinds.networking.virtual_service import VirtualService
from galley.meta import Resource


@dataclass(frozen=True, slots=True, eq=False)
class VirtualServiceIndex:
    """VirtualServices by gateway (``mesh`` or ``namespace/name``), oldest first.

    ``source_labels`` are the label names that some match asks about: proxies that differ in others only are alike.
    """

    export_default: tuple[str, ...]
    by_gateway: dict[str, tuple[Resource[VirtualService], ...]]
    source_labels: frozenset[str]

    def candidates(self, gateway: str, namespace: str) -> tuple[Resource[VirtualService], ...]:
        """Those visible from ``namespace``: private ones of the namespace first, then those exported to it by name,
        then public ones; older first within each."""
        ranked: tuple[list[Resource[VirtualService]], ...] = ([], [], [])
        for rule in self.by_gateway.get(gateway, ()):
            exports = resolve_exports(rule.spec.export_to, self.export_default, rule.namespace)
            if exports.everywhere:
                ranked[2].append(rule)
            elif exports.includes(namespace):
                ranked[0 if rule.namespace == namespace else 1].append(rule)
        return (*ranked[0], *ranked[1], *ranked[2])


def index_virtual_services(
    rules: tuple[Resource[VirtualService], ...], export_default: tuple[str, ...]
) -> VirtualServiceIndex:
    """Index ``rules``, which are given oldest first."""
    by_gateway: dict[str, list[Resource[VirtualService]]] = {}
    for rule in rules:
        for gateway in dict.fromkeys(resolve_gateway(name, rule.namespace) for name in _gateways(rule)):
            by_gateway.setdefault(gateway, []).append(rule)
    return VirtualServiceIndex(
        export_default=export_default,
        by_gateway={gateway: tuple(bound) for gateway, bound in by_gateway.items()},
        source_labels=frozenset(name for rule in rules for name in _labels_asked(rule.spec)),
    )


def _gateways(rule: Resource[VirtualService]) -> tuple[str, ...]:
    return rule.spec.gateways or (MESH_GATEWAY,)


def _labels_asked(spec: VirtualService) -> Iterator[str]:
    for http in spec.http:
        for match in http.match:
            yield from match.source_labels
    for tls in spec.tls:
        for sni in tls.match:
            yield from sni.source_labels
    for tcp in spec.tcp:
        for l4 in tcp.match:
            yield from l4.source_labels
