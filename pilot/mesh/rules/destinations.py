"""Destinations of rules: which cluster a host, a subset and a port name."""

from __future__ import annotations

from collections.abc import Callable

from galley.frozen import FrozenMap, frozen
from pilot.mesh.naming import outbound_cluster
from pilot.mesh.rules.model import RuleDestination
from pilot.registry.catalog import Service, ServiceResolution


@frozen
class KnownDestination:
    """What a rule has to know of a service it names: the host that clusters are named after, and the port to use
    when the rule gives none (0: the port of the listener)."""

    host: str
    only_port: int = 0


Destinations = FrozenMap[str, KnownDestination]
"""Destinations by FQDN. A host that is not in it names its cluster itself and takes the listener's port."""

NO_DESTINATIONS: Destinations = FrozenMap()


def known_destinations(
    hosts: tuple[str, ...], lookup: Callable[[str], Service | None], *, single_port: bool
) -> Destinations:
    """What the registry adds to ``hosts``: names behind an ExternalName and, if ``single_port``, a service's only port.

    Hosts about which there is nothing to add are left out, so that rules do not depend on services in vain.
    """
    known = {}
    for host in hosts:
        service = lookup(host)
        if service is None:
            continue
        target = service.alias_of if service.resolution is ServiceResolution.ALIAS else host
        only_port = service.ports[0].number if single_port and len(service.ports) == 1 else 0
        if target != host or only_port:
            known[host] = KnownDestination(host=target, only_port=only_port)
    return FrozenMap(known) if known else NO_DESTINATIONS


def destination_port(destination: RuleDestination, known: Destinations, listener_port: int) -> int:
    """The port that a destination means: its own, else the service's only one, else the listener's."""
    target = known.get(destination.host)
    return destination.port or (target.only_port if target else 0) or listener_port


def destination_cluster(destination: RuleDestination, known: Destinations, listener_port: int) -> str:
    """The cluster that a destination names: its own port, else the service's only port, else the listener's.

    The name is made even when nothing of that name exists; Envoy then answers 503 with the flag ``NC``.
    """
    target = known.get(destination.host)
    port = destination_port(destination, known, listener_port)
    return outbound_cluster(port=port, host=target.host if target else destination.host, subset=destination.subset)
