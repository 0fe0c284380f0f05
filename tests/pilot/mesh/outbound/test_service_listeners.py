from typing import Any

from pilot.mesh.outbound.service_listeners import OpaqueRouting, Surroundings, plan_wishes
from pilot.mesh.rules.http_matches import RouteSite
from pilot.mesh.rules.tcp_routes import TcpRouting
from pilot.registry.catalog import Protocol
from tests.builders import a_service
from tests.builders_traffic import end_of

OPAQUE = OpaqueRouting(routing=TcpRouting(site=RouteSite(gateway="mesh", port=0)))
REDIRECTED = Surroundings(owner=0, wildcard="0.0.0.0")


def wishes(protocol: Protocol, around: Surroundings = REDIRECTED, **traits: Any) -> list[tuple[str, str, list[str]]]:
    service = a_service("a.com", port=80, protocol=protocol, **traits)
    return [
        (address, wish.route_name, [end_of(chain) for chain in wish.chains])
        for address, wish in plan_wishes(service, service.ports[0], around, (), OPAQUE)
    ]


def test_http_wants_routes_at_the_shared_address() -> None:
    assert wishes(Protocol.GRPC, addresses=("10.0.0.1",)) == [("0.0.0.0", "80", [])]
    bound = Surroundings(owner=0, wildcard="0.0.0.0", shared="127.0.0.2")
    assert wishes(Protocol.HTTP, bound) == [("127.0.0.2", "80", [])]


def test_tcp_wants_a_chain_at_its_address() -> None:
    assert wishes(Protocol.TCP, addresses=("10.0.0.1",)) == [("10.0.0.1", "", ["outbound|80||a.com"])]


def test_unknown_protocols_want_both() -> None:
    assert wishes(Protocol.AUTO) == [("0.0.0.0", "80", ["outbound|80||a.com"])]
    assert wishes(Protocol.AUTO, addresses=("10.0.0.1",)) == [("10.0.0.1", "a.com:80", ["outbound|80||a.com"])]


def test_the_protocol_of_a_declared_listener_counts() -> None:
    declared = Surroundings(owner=1, wildcard="0.0.0.0", protocol=Protocol.TCP, route_name="80")
    assert wishes(Protocol.HTTP, declared) == [("0.0.0.0", "", ["outbound|80||a.com"])]
    sniffed = Surroundings(owner=1, wildcard="0.0.0.0", protocol=Protocol.AUTO, route_name="80")
    assert wishes(Protocol.HTTP, sniffed, addresses=("10.0.0.1",))[0][1] == "80"
