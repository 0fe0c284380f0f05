"""Priorities and weights of localities, as Istio's LocalityLoadBalancerSetting describes them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.frozen import FrozenMap
from galley.kinds.networking.destination_rule import LoadBalancerSettings, LocalityLbSetting, OutlierDetection
from galley.kinds.values import Distribute, Failover
from pilot.ir.cluster import EndpointPlan, LocalityPlan
from pilot.mesh.clusters.localities import (
    Caller,
    LocalityRouting,
    is_weighted,
    locality_routing,
    matches,
    place,
    topology_labels,
)
from pilot.mesh.rules.traffic_policy import EffectivePolicy
from pilot.node.locality import Locality
from pilot.registry.catalog import Endpoint
from tests.builders import labels

MESH = LocalityLbSetting()
OUTLIERS = OutlierDetection()


def at(where: str, network: str = "", **own: str) -> Endpoint:
    return Endpoint(
        address=f"{where or 'nowhere'} {own}",
        port=80,
        labels=labels(**own),
        locality=Locality.parse(where),
        network=network,
    )


def policy(setting: LocalityLbSetting | None = None, *, outliers: bool = True) -> EffectivePolicy:
    balancer = LoadBalancerSettings(locality_lb_setting=setting) if setting is not None else None
    return EffectivePolicy(load_balancer=balancer, outlier_detection=OUTLIERS if outliers else None)


def caller(where: str, network: str = "", **own: str) -> Caller:
    locality = Locality.parse(where)
    return Caller(locality, topology_labels(labels(**own), locality, network))


def placed(endpoints: list[Endpoint], routing: LocalityRouting | None) -> tuple[LocalityPlan, ...]:
    groups: dict[Locality, list[tuple[Endpoint, EndpointPlan]]] = {}
    for one in endpoints:
        groups.setdefault(one.locality, []).append((one, EndpointPlan(one.address, one.port, one.weight)))
    return place(groups, routing)


def priorities(endpoints: list[Endpoint], setting: LocalityLbSetting | None, client: Caller) -> Mapping[str, int]:
    plans = placed(endpoints, locality_routing(policy(setting), MESH, client))
    return {endpoint.address: plan.priority for plan in plans for endpoint in plan.endpoints}


ALL = [at("west/1/a"), at("west/1/b"), at("west/2/a"), at("east/1/a"), at("eu/1/a"), at("")]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("west/1/a", [0, 1, 2, 3, 3, 3]),
        ("west/2/b", [1, 1, 0, 2, 2, 2]),
        ("east", [1, 1, 1, 0, 1, 1]),
        ("asia/1/a", [0, 0, 0, 0, 0, 0]),
        ("", [1, 1, 1, 1, 1, 0]),
    ],
)
def test_near_endpoints_come_first_and_priorities_have_no_gaps(where: str, expected: list[int]) -> None:
    found = priorities(ALL, None, caller(where))
    assert [found[one.address] for one in ALL] == expected


def test_the_region_that_is_named_comes_before_all_others() -> None:
    setting = LocalityLbSetting(failover=(Failover("west", "eu"), Failover("eu", "east")))
    found = priorities(ALL, setting, caller("west/1/a"))
    assert [found[one.address] for one in ALL] == [0, 1, 2, 4, 3, 4]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (("tier", "cell"), {"both": 0, "tier": 1, "cell": 2, "none": 2}),
        (("tier=iron",), {"both": 1, "tier": 1, "cell": 0, "none": 0}),
        (("tier", "topology.kubernetes.io/region"), {"both": 0, "tier": 0, "cell": 1, "none": 1}),
    ],
)
def test_labels_give_priorities_by_what_they_have_in_common_in_a_row(
    asked: tuple[str, ...], expected: dict[str, int]
) -> None:
    named = {
        "both": at("west/1", tier="gold", cell="a"),
        "tier": at("west/1", tier="gold", cell="b"),
        "cell": at("west/1", tier="iron", cell="a"),
        "none": at("west/1", tier="iron"),
    }
    setting = LocalityLbSetting(failover_priority=asked)
    found = priorities(list(named.values()), setting, caller("west/1", tier="gold", cell="a"))
    assert {name: found[one.address] for name, one in named.items()} == expected


def test_another_network_counts_for_all_labels_and_does_not_hide_the_rest() -> None:
    endpoints = {
        "here": at("west/1", "n1", tier="gold"),
        "here, other": at("west/1", "n1", tier="iron"),
        "there": at("west/1", "n2", tier="gold"),
        "there, other": at("west/1", "n2", tier="iron"),
    }
    endpoints = {name: Endpoint(name, 80, one.labels, one.locality, 1, one.network) for name, one in endpoints.items()}
    setting = LocalityLbSetting(failover_priority=("topology.istio.io/network", "tier"))
    found = priorities(list(endpoints.values()), setting, caller("west/1", "n1", tier="gold"))
    assert found == {"here": 0, "here, other": 1, "there": 2, "there, other": 3}


def test_weights_are_divided_among_what_they_mean_and_all_else_loses_its_endpoints() -> None:
    row = Distribute("west/1/*", FrozenMap({"west/1/*": 70, "west/2/*": 20, "east/*": 10}))
    other = Distribute("west/*", FrozenMap({"eu/*": 100}))
    routing = locality_routing(
        policy(LocalityLbSetting(distribute=(row, other)), outliers=False), MESH, caller("west/1/a")
    )
    found = {plan.locality: (plan.total_weight, len(plan.endpoints)) for plan in placed(ALL, routing)}
    assert found == {
        Locality("west", "1", "a"): (35, 1),
        Locality("west", "1", "b"): (35, 1),
        Locality("west", "2", "a"): (20, 1),
        Locality("east", "1", "a"): (10, 1),
        Locality("eu", "1", "a"): (1, 0),
        Locality(): (1, 0),
    }


def test_what_all_localities_have_in_common() -> None:
    distribute = LocalityLbSetting(distribute=(Distribute("west/*", FrozenMap({"eu/*": 100})),))
    off, here = LocalityLbSetting(enabled=False), caller("east/1/a")
    assert locality_routing(policy(outliers=False), MESH, here) is None, "no endpoint is seen to fail"
    assert locality_routing(policy(off), MESH, here) is None
    assert locality_routing(policy(), off, here) is None
    assert locality_routing(policy(distribute), MESH, here) is None, "no row is about this client"
    assert locality_routing(policy(MESH), off, here) is not None, "the rule's own counts before the mesh's"


def test_when_envoy_goes_by_weights() -> None:
    distribute = LocalityLbSetting(distribute=(Distribute("*", FrozenMap({"*": 100})),))
    failover = LocalityLbSetting(failover=(Failover("west", "eu"),))
    assert is_weighted(policy(distribute, outliers=False), MESH)
    assert is_weighted(policy(failover), MESH)
    assert not is_weighted(policy(failover, outliers=False), MESH)
    assert not is_weighted(policy(), MESH)
    assert is_weighted(policy(), failover)


@pytest.mark.parametrize(
    ("written", "expected"),
    [("*", True), ("west", True), ("west/*", True), ("west/1", True), ("west/1/a", True), ("west/*/a", True),
     ("east", False), ("west/2", False), ("west/1/b", False), ("", False)],
)  # fmt: skip
def test_what_a_locality_matches(written: str, expected: bool) -> None:
    assert matches(Locality("west", "1", "a"), written) is expected


LOCALITIES = st.builds(Locality, *(st.sampled_from(["", "a", "b"]) for _ in range(3)))
SETTINGS = st.builds(
    LocalityLbSetting,
    distribute=st.lists(
        st.builds(Distribute, st.sampled_from(["*", "a", "a/*"]), st.just(FrozenMap({"a/*": 50, "*": 50}))), max_size=2
    ).map(tuple),
    failover=st.lists(st.builds(Failover, st.just("a"), st.just("b")), max_size=1).map(tuple),
    failover_priority=st.lists(st.sampled_from(["x", "y=1", "topology.istio.io/network"]), max_size=3, unique=True).map(
        tuple
    ),
)


@given(
    st.lists(
        st.tuples(LOCALITIES, st.dictionaries(st.sampled_from("xy"), st.sampled_from("12")), st.integers(1, 9)),
        max_size=8,
    ),
    SETTINGS,
    LOCALITIES,
)
def test_no_endpoint_is_lost_or_doubled_and_priorities_begin_at_0(
    written: list[tuple[Locality, dict[str, str], int]], setting: LocalityLbSetting, where: Locality
) -> None:
    endpoints = [
        Endpoint(f"10.0.0.{number}", 80, FrozenMap(own), locality, weight)
        for number, (locality, own, weight) in enumerate(written)
    ]
    plans = placed(endpoints, locality_routing(policy(setting), MESH, Caller(where)))
    assert len({(plan.locality, plan.priority) for plan in plans}) == len(plans)
    used = sorted({plan.priority for plan in plans})
    assert used == list(range(len(used)))
    addresses = [endpoint.address for plan in plans for endpoint in plan.endpoints]
    assert len(set(addresses)) == len(addresses)
    if not setting.distribute:
        assert sorted(addresses) == sorted(one.address for one in endpoints)
