from typing import Any

from pilot.mesh.outbound.service_listeners import EgressBinding, OpaqueRouting, plan_listener_requests
from pilot.mesh.rules.http_matches import RouteSite
from pilot.mesh.rules.tcp_routes import TcpRouting
from pilot.registry.catalog import Protocol
from tests.builders import a_service
from tests.builders_traffic import end_of

OPAQUE = OpaqueRouting(routing=TcpRouting(site=RouteSite(gateway="mesh", port=0)))
REDIRECTED = EgressBinding(egress_index=0, wildcard="0.0.0.0")


def requests(
    protocol: Protocol, binding: EgressBinding = REDIRECTED, **traits: Any
) -> list[tuple[str, str, list[str]]]:
    service = a_service("a.com", port=80, protocol=protocol, **traits)
    return [
        (address, request.route_name, [end_of(chain) for chain in request.chains])
        for address, request in plan_listener_requests(service, service.ports[0], binding, (), OPAQUE)
    ]


def test_http_wants_routes_at_the_shared_address() -> None:
    assert requests(Protocol.GRPC, addresses=("10.0.0.1",)) == [("0.0.0.0", "80", [])]
    bound = EgressBinding(egress_index=0, wildcard="0.0.0.0", shared="127.0.0.2")
    assert requests(Protocol.HTTP, bound) == [("127.0.0.2", "80", [])]


def test_tcp_wants_a_chain_at_its_address() -> None:
    assert requests(Protocol.TCP, addresses=("10.0.0.1",)) == [("10.0.0.1", "", ["outbound|80||a.com"])]


def test_unknown_protocols_want_both() -> None:
    assert requests(Protocol.AUTO) == [("0.0.0.0", "80", ["outbound|80||a.com"])]
    assert requests(Protocol.AUTO, addresses=("10.0.0.1",)) == [("10.0.0.1", "a.com:80", ["outbound|80||a.com"])]


def test_the_protocol_of_a_declared_listener_counts() -> None:
    declared = EgressBinding(egress_index=1, wildcard="0.0.0.0", protocol=Protocol.TCP, route_name="80")
    assert requests(Protocol.HTTP, declared) == [("0.0.0.0", "", ["outbound|80||a.com"])]
    sniffed = EgressBinding(egress_index=1, wildcard="0.0.0.0", protocol=Protocol.AUTO, route_name="80")
    assert requests(Protocol.HTTP, sniffed, addresses=("10.0.0.1",))[0][1] == "80"
