from typing import Any

from galley.meta import ResourceKey
from pilot.ir.listener import ChainMatchPlan
from pilot.mesh.outbound.conflicts import ListenerTable, Wish
from pilot.mesh.outbound.listener import OutboundListener
from pilot.mesh.rules.tcp_routes import opaque_chain, single_cluster_proxy
from pilot.registry.catalog import Protocol
from tests.builders_traffic import end_of


def origin(name: str) -> ResourceKey:
    return ResourceKey(kind="ServiceEntry", namespace="default", name=name)


def wish(protocol: Protocol, name: str, owner: int = 0, **match: Any) -> Wish:
    """What a service called ``name`` wants, as the listeners planner would say it."""
    opaque = protocol not in (Protocol.HTTP, Protocol.GRPC_WEB)
    chain = opaque_chain(single_cluster_proxy(name, None), ChainMatchPlan(**match))
    routed = protocol in (Protocol.HTTP, Protocol.GRPC_WEB, Protocol.AUTO)
    return Wish(
        protocol=protocol,
        origin=origin(name),
        owner=owner,
        route_name="80" if routed else "",
        chains=(chain,) if opaque else (),
    )


def granted(*wishes: Wish, locked: bool = False) -> OutboundListener:
    table = ListenerTable()
    for one in wishes:
        table.add("0.0.0.0", 80, one, locked=locked)
    (listener,) = table.listeners()
    return listener


def summary(*wishes: Wish, locked: bool = False) -> tuple[bool, list[str]]:
    listener = granted(*wishes, locked=locked)
    return bool(listener.route_name), [end_of(chain) for chain in listener.chains]


HTTP, TCP, AUTO, TLS, MONGO = Protocol.HTTP, Protocol.TCP, Protocol.AUTO, Protocol.TLS, Protocol.MONGO


def test_http_services_share_a_listener() -> None:
    listener = granted(wish(HTTP, "a"), wish(HTTP, "b"))
    assert (listener.route_name, listener.chains, listener.origins) == ("80", (), (origin("a"),))


def test_http_and_tcp_are_merged_in_either_order() -> None:
    assert summary(wish(HTTP, "a"), wish(TCP, "b")) == (True, ["b"])
    assert summary(wish(TCP, "b"), wish(HTTP, "a")) == (True, ["b"])


def test_auto_joins_http_and_tcp() -> None:
    assert summary(wish(HTTP, "a"), wish(AUTO, "b")) == (True, ["b"])
    assert summary(wish(TCP, "a"), wish(AUTO, "b")) == (True, ["a"])


def test_of_two_opaque_services_the_first_keeps_the_port() -> None:
    assert summary(wish(TCP, "a"), wish(TCP, "b")) == (False, ["a"])
    assert summary(wish(AUTO, "a"), wish(AUTO, "b")) == (True, ["a"])
    assert summary(wish(AUTO, "a"), wish(TCP, "b")) == (True, ["a"])


def test_distinct_matches_live_together() -> None:
    one, two = wish(TLS, "a", server_names=("a.com",)), wish(TLS, "b", server_names=("b.com",))
    assert summary(one, two, wish(TCP, "c"), wish(HTTP, "d")) == (True, ["a", "b", "c"])
    again = wish(TLS, "again", server_names=("a.com",))
    assert summary(one, again) == (False, ["a"])


def test_server_first_protocols_never_mix_with_http() -> None:
    assert summary(wish(MONGO, "a"), wish(HTTP, "b")) == (False, ["a"])
    assert summary(wish(HTTP, "a"), wish(MONGO, "b")) == (True, [])
    assert summary(wish(Protocol.MYSQL, "a"), wish(AUTO, "b")) == (False, ["a"])


def test_a_declared_listener_takes_nothing_from_others() -> None:
    assert summary(wish(TCP, "a"), wish(HTTP, "b", owner=1), locked=True) == (False, ["a"])
    same_owner = wish(TLS, "b", server_names=("b.com",))
    assert summary(wish(TCP, "a"), same_owner, locked=True) == (False, ["a", "b"])


def test_grpc_web_is_remembered_whoever_brings_it() -> None:
    assert granted(wish(HTTP, "a"), wish(Protocol.GRPC_WEB, "b")).grpc_web


def test_whether_a_place_serves_http() -> None:
    table = ListenerTable()
    table.add("0.0.0.0", 80, wish(TCP, "a"))
    assert not table.serves_http("0.0.0.0", 80)
    table.add("0.0.0.0", 80, wish(HTTP, "b"))
    assert table.serves_http("0.0.0.0", 80)


def test_http_is_undeclared_while_all_of_it_is_guessed() -> None:
    assert granted(wish(Protocol.AUTO, "a")).undeclared
    assert not granted(wish(HTTP, "a")).undeclared
    assert not granted(wish(Protocol.AUTO, "a"), wish(HTTP, "b")).undeclared
    assert not granted(wish(Protocol.TCP, "a")).undeclared
