from typing import Any

from galley.meta import ResourceKey
from pilot.ir.listener import ChainMatchPlan
from pilot.mesh.filters import plan_filter_chain
from pilot.mesh.outbound.conflicts import ListenerRequest, ListenerTable
from pilot.mesh.outbound.listener import OutboundListener
from pilot.mesh.rules.tcp_routes import single_cluster_proxy
from pilot.registry.catalog import Protocol
from tests.builders_traffic import end_of


def origin(name: str) -> ResourceKey:
    return ResourceKey(kind="ServiceEntry", namespace="default", name=name)


def request(protocol: Protocol, name: str, egress_index: int = 0, **match: Any) -> ListenerRequest:
    """What a service called ``name`` wants, as the listeners planner would say it."""
    opaque = protocol not in (Protocol.HTTP, Protocol.GRPC_WEB)
    chain = plan_filter_chain(single_cluster_proxy(name, None), ChainMatchPlan(**match))
    routed = protocol in (Protocol.HTTP, Protocol.GRPC_WEB, Protocol.AUTO)
    return ListenerRequest(
        protocol=protocol,
        origin=origin(name),
        egress_index=egress_index,
        route_name="80" if routed else "",
        chains=(chain,) if opaque else (),
    )


def granted(*requests: ListenerRequest, locked: bool = False) -> OutboundListener:
    table = ListenerTable()
    for one in requests:
        table.add("0.0.0.0", 80, one, locked=locked)
    (listener,) = table.listeners()
    return listener


def summary(*requests: ListenerRequest, locked: bool = False) -> tuple[bool, list[str]]:
    listener = granted(*requests, locked=locked)
    return bool(listener.route_name), [end_of(chain) for chain in listener.chains]


HTTP, TCP, AUTO, TLS, MONGO = Protocol.HTTP, Protocol.TCP, Protocol.AUTO, Protocol.TLS, Protocol.MONGO


def test_http_services_share_a_listener() -> None:
    listener = granted(request(HTTP, "a"), request(HTTP, "b"))
    assert (listener.route_name, listener.chains, listener.origins) == ("80", (), (origin("a"),))


def test_http_and_tcp_are_merged_in_either_order() -> None:
    assert summary(request(HTTP, "a"), request(TCP, "b")) == (True, ["b"])
    assert summary(request(TCP, "b"), request(HTTP, "a")) == (True, ["b"])


def test_auto_joins_http_and_tcp() -> None:
    assert summary(request(HTTP, "a"), request(AUTO, "b")) == (True, ["b"])
    assert summary(request(TCP, "a"), request(AUTO, "b")) == (True, ["a"])


def test_of_two_opaque_services_the_first_keeps_the_port() -> None:
    assert summary(request(TCP, "a"), request(TCP, "b")) == (False, ["a"])
    assert summary(request(AUTO, "a"), request(AUTO, "b")) == (True, ["a"])
    assert summary(request(AUTO, "a"), request(TCP, "b")) == (True, ["a"])


def test_distinct_matches_live_together() -> None:
    one, two = request(TLS, "a", server_names=("a.com",)), request(TLS, "b", server_names=("b.com",))
    assert summary(one, two, request(TCP, "c"), request(HTTP, "d")) == (True, ["a", "b", "c"])
    again = request(TLS, "again", server_names=("a.com",))
    assert summary(one, again) == (False, ["a"])


def test_server_first_protocols_never_mix_with_http() -> None:
    assert summary(request(MONGO, "a"), request(HTTP, "b")) == (False, ["a"])
    assert summary(request(HTTP, "a"), request(MONGO, "b")) == (True, [])
    assert summary(request(Protocol.MYSQL, "a"), request(AUTO, "b")) == (False, ["a"])


def test_a_declared_listener_takes_nothing_from_others() -> None:
    assert summary(request(TCP, "a"), request(HTTP, "b", egress_index=1), locked=True) == (False, ["a"])
    same_egress = request(TLS, "b", server_names=("b.com",))
    assert summary(request(TCP, "a"), same_egress, locked=True) == (False, ["a", "b"])


def test_grpc_web_is_remembered_whoever_brings_it() -> None:
    assert granted(request(HTTP, "a"), request(Protocol.GRPC_WEB, "b")).grpc_web


def test_whether_an_address_serves_http() -> None:
    table = ListenerTable()
    table.add("0.0.0.0", 80, request(TCP, "a"))
    assert not table.serves_http("0.0.0.0", 80)
    table.add("0.0.0.0", 80, request(HTTP, "b"))
    assert table.serves_http("0.0.0.0", 80)


def test_http_is_undeclared_while_all_of_it_is_guessed() -> None:
    assert granted(request(Protocol.AUTO, "a")).undeclared
    assert not granted(request(HTTP, "a")).undeclared
    assert not granted(request(Protocol.AUTO, "a"), request(HTTP, "b")).undeclared
    assert not granted(request(Protocol.TCP, "a")).undeclared
