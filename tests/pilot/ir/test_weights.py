from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pilot.ir.cluster import EndpointPlan, LoadAssignmentPlan, LocalityPlan
from pilot.ir.network_filters import WeightedTcpCluster
from pilot.ir.weights import MAX_TOTAL, settle_shares
from pilot.node.locality import Locality


def settled(*weights: int) -> list[tuple[str, int]]:
    shares = tuple(WeightedTcpCluster(str(index), weight) for index, weight in enumerate(weights))
    return [(share.cluster, share.weight) for share in settle_shares(shares)]


def test_one_cluster_has_everything_whatever_its_weight() -> None:
    assert settled(0) == [("0", 0)]


def test_of_several_those_without_weight_get_nothing() -> None:
    assert settled(20, 0, 80) == [("0", 20), ("2", 80)]
    assert settled(0, 5) == [("1", 5)]
    assert settled(0, 0) == settled() == []


def test_a_sum_that_fits_stays_as_it_is() -> None:
    assert settled(MAX_TOTAL - 1, 1) == [("0", MAX_TOTAL - 1), ("1", 1)]


@given(st.lists(st.integers(1, MAX_TOTAL), min_size=2, max_size=20))
def test_no_sum_is_too_great_and_nobody_loses_the_share(weights: list[int]) -> None:
    found = [weight for _, weight in settled(*weights)]
    assert len(found) == len(weights)
    assert sum(found) <= MAX_TOTAL
    assert min(found) >= 1


def test_proportions_are_kept() -> None:
    (_, one), (_, other) = settled(MAX_TOTAL, MAX_TOTAL // 2)
    assert abs(one / other - 2) < 1e-6


@given(st.lists(st.lists(st.integers(1, MAX_TOTAL), min_size=1, max_size=5), max_size=4))
def test_the_endpoints_of_a_cluster_have_a_sum_that_fits(weights: list[list[int]]) -> None:
    groups = tuple(
        LocalityPlan(Locality(str(place)), tuple(EndpointPlan("10.0.0.1", port, each) for port, each in enumerate(own)))
        for place, own in enumerate(weights)
    )
    plan = LoadAssignmentPlan("a", groups)
    found = [endpoint.weight for group in plan.localities for endpoint in group.endpoints]
    assert plan.size == len(found) == sum(map(len, weights))
    assert sum(found) <= MAX_TOTAL
