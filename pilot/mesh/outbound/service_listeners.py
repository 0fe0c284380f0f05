"""What one service port asks of a sidecar's listeners: where to listen, and the chains of opaque connections."""

from __future__ import annotations

from galley.frozen import frozen
from pilot.mesh.outbound.bind_addresses import BindAddress, opaque_bind_addresses
from pilot.mesh.outbound.conflicts import ListenerRequest
from pilot.mesh.rules.model import TrafficRule
from pilot.mesh.rules.tcp_routes import NO_POLICY, OpaqueTarget, TcpPolicy, TcpRouting, plan_target_chains
from pilot.registry.catalog import Port, Protocol, Service


@frozen
class EgressBinding:
    """How the egress listener of a service port binds; ``egress_index`` is its index in their order.

    ``shared`` is the address at which everything arrives ("" leaves it to protocol and service). ``protocol`` and
    ``route_name`` are those of a listener that a Sidecar declares; the port's own count where they are empty.
    """

    egress_index: int
    wildcard: str
    shared: str = ""
    protocol: Protocol | None = None
    route_name: str = ""


@frozen
class OpaqueRouting:
    """What decides about opaque connections of a service: its policy, and the rules that name it."""

    routing: TcpRouting
    rules: tuple[TrafficRule, ...] = ()
    policy: TcpPolicy = NO_POLICY


def plan_listener_requests(
    service: Service, port: Port, binding: EgressBinding, endpoints: tuple[str, ...], opaque: OpaqueRouting
) -> tuple[tuple[str, ListenerRequest], ...]:
    """Addresses, and what is asked for at each. ``endpoints`` are the addresses of a headless service."""
    protocol = binding.protocol or port.protocol
    if protocol.is_http:
        request = ListenerRequest(protocol, service.origin, binding.egress_index, route_name=str(port.number))
        return ((binding.shared or binding.wildcard, request),)
    found = opaque_bind_addresses(
        service, port.number, shared=binding.shared, wildcard=binding.wildcard, endpoints=endpoints
    )
    return tuple((bind.address, _opaque_request(service, port, bind, binding, opaque)) for bind in found)


def _opaque_request(
    service: Service, port: Port, bind: BindAddress, binding: EgressBinding, opaque: OpaqueRouting
) -> ListenerRequest:
    protocol = binding.protocol or port.protocol
    target = OpaqueTarget(
        host=service.hostname,
        port=port.number,
        is_tls=protocol.is_tls,
        prefix_ranges=bind.prefix_ranges,
        by_name=bind.by_name,
        policy=opaque.policy,
    )
    route_name = (binding.route_name or bind.route_name) if protocol is Protocol.AUTO else ""
    chains = plan_target_chains(target, opaque.rules, opaque.routing)
    return ListenerRequest(protocol, service.origin, binding.egress_index, route_name=route_name, chains=chains)
