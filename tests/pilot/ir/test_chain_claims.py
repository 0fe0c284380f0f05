from typing import Any

from pilot.ir.listener import ChainClaims, ChainMatchPlan
from pilot.mesh.filters import plan_filter_chain
from pilot.mesh.rules.tcp_routes import single_cluster_proxy

PROXY = single_cluster_proxy("a", None)


def claimed(*matches: ChainMatchPlan) -> list[ChainMatchPlan | None]:
    claims = ChainClaims()
    return [kept.match if (kept := claims.claim(plan_filter_chain(PROXY, match))) else None for match in matches]


def names(*values: str, **traits: Any) -> ChainMatchPlan:
    return ChainMatchPlan(server_names=values, **traits)


def test_the_first_chain_keeps_a_name() -> None:
    assert claimed(names("a", "b"), names("b", "c"), names("b")) == [names("a", "b"), names("c"), None]


def test_names_on_different_ranges_do_not_collide() -> None:
    one, two = names("a", prefix_ranges=("10.0.0.0/8",)), names("a", prefix_ranges=("11.0.0.0/8",))
    assert claimed(one, two) == [one, two]


def test_ranges_are_compared_as_networks() -> None:
    one = ChainMatchPlan(prefix_ranges=("10.0.0.0/8", "12.0.0.1"))
    other = ChainMatchPlan(prefix_ranges=("10.1.2.3/8", "12.0.0.1/32", "11.0.0.0/8"))
    assert claimed(one, other) == [one, ChainMatchPlan(prefix_ranges=("11.0.0.0/8",))]


def test_there_is_one_match_all() -> None:
    assert claimed(ChainMatchPlan(), ChainMatchPlan()) == [ChainMatchPlan(), None]


def test_an_untouched_chain_stays_the_same_object() -> None:
    chain = plan_filter_chain(PROXY, names("a"))
    assert ChainClaims().claim(chain) is chain


def test_ports_and_protocols_tell_chains_apart() -> None:
    matches = (
        ChainMatchPlan(destination_port=80, transport_protocol="raw_buffer"),
        ChainMatchPlan(destination_port=81, transport_protocol="raw_buffer"),
        ChainMatchPlan(destination_port=80, transport_protocol="raw_buffer", application_protocols=("h2c",)),
    )
    assert claimed(*matches) == list(matches)


def test_a_chain_names_a_network_once() -> None:
    twice = ChainMatchPlan(prefix_ranges=("10.0.0.0/8", "11.0.0.0/8", "10.1.1.1/8"))
    assert claimed(twice) == [ChainMatchPlan(prefix_ranges=("10.0.0.0/8", "11.0.0.0/8"))]
