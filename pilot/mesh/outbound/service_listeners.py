"""What one service port asks of a sidecar's listeners: where to listen, and the chains of opaque connections."""

from __future__ import annotations

from galley.frozen import frozen
from galley.kinds.networking.virtual_service import VirtualService
from galley.meta import Resource
from pilot.mesh.outbound.bind_addresses import Place, opaque_places
from pilot.mesh.outbound.conflicts import Wish
from pilot.mesh.rules.tcp_routes import NO_POLICY, OpaqueTarget, TcpPolicy, TcpRouting, plan_target_chains
from pilot.registry.catalog import Port, Protocol, Service


@frozen
class Surroundings:
    """The egress listener around a service port.

    ``shared`` is the address at which everything arrives ("" leaves it to protocol and service). ``protocol`` and
    ``route_name`` are those of a listener that a Sidecar declares; the port's own count where they are empty.
    """

    owner: int
    wildcard: str
    shared: str = ""
    protocol: Protocol | None = None
    route_name: str = ""


@frozen
class OpaqueRouting:
    """What decides about opaque connections of a service: its policy, and the rules that name it."""

    routing: TcpRouting
    rules: tuple[Resource[VirtualService], ...] = ()
    policy: TcpPolicy = NO_POLICY


def plan_wishes(
    service: Service, port: Port, around: Surroundings, endpoints: tuple[str, ...], opaque: OpaqueRouting
) -> tuple[tuple[str, Wish], ...]:
    """Addresses, and what is wanted at each. ``endpoints`` are the addresses of a headless service."""
    protocol = around.protocol or port.protocol
    if protocol.is_http:
        wish = Wish(protocol, service.origin, around.owner, route_name=str(port.number))
        return ((around.shared or around.wildcard, wish),)
    places = opaque_places(service, port.number, shared=around.shared, wildcard=around.wildcard, endpoints=endpoints)
    return tuple((place.address, _wish(service, port, place, around, opaque)) for place in places)


def _wish(service: Service, port: Port, place: Place, around: Surroundings, opaque: OpaqueRouting) -> Wish:
    protocol = around.protocol or port.protocol
    target = OpaqueTarget(
        host=service.hostname,
        port=port.number,
        is_tls=protocol.is_tls,
        prefix_ranges=place.prefix_ranges,
        by_name=place.by_name,
        policy=opaque.policy,
    )
    route_name = (around.route_name or place.route_name) if protocol is Protocol.AUTO else ""
    chains = plan_target_chains(target, opaque.rules, opaque.routing)
    return Wish(protocol, service.origin, around.owner, route_name=route_name, chains=chains)
