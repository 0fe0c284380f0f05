"""What several sources say of one service, made one: who wins, and what is united."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pilot.registry.catalog import Endpoint, EndpointsByPort, Service
from pilot.registry.endpoints import sorted_endpoints


def merge(claims: Iterable[tuple[Service, EndpointsByPort]]) -> tuple[Service, EndpointsByPort]:
    """The one service of claims with the same hostname and namespace.

    Kubernetes beats ServiceEntry, then the older wins; ports are united when resolution, labels and exportTo are
    equal. Endpoints of all claims are joined by port name, which is how workloads outside Kubernetes join a
    Kubernetes service.
    """
    first, *others = sorted(claims, key=lambda claim: (not claim[0].kubernetes, claim[0].age))
    service, endpoints = first
    for other, more in others:
        service = _unite_ports(service, other)
        endpoints = _join(endpoints, more, service)
    return service, endpoints


def _unite_ports(winner: Service, other: Service) -> Service:
    alike = (
        winner.kubernetes == other.kubernetes
        and winner.resolution is other.resolution
        and winner.labels == other.labels
        and winner.export_to == other.export_to
    )
    taken = {port.number for port in winner.ports} | {port.name for port in winner.ports}
    new = tuple(port for port in other.ports if port.number not in taken and port.name not in taken)
    if not alike or not new:
        return winner
    numbers = {port.number for port in new}
    return replace(
        winner,
        ports=winner.ports + new,
        target_ports=winner.target_ports + tuple(pair for pair in other.target_ports if pair[0] in numbers),
        also_from=(*winner.also_from, *other.origins),
    )


def _join(ours: EndpointsByPort, theirs: EndpointsByPort, service: Service) -> EndpointsByPort:
    def both(name: str) -> tuple[Endpoint, ...]:
        return sorted_endpoints((*ours.get(name, ()), *theirs.get(name, ())), service.resolution)

    return {port.name: both(port.name) if port.name in theirs else ours.get(port.name, ()) for port in service.ports}
