from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.kinds.http import RegexRewrite
from pilot.ir.http_filters import RouteFaultPlan
from pilot.ir.route import (
    MAX_DIRECT_RESPONSE_BODY,
    DirectResponsePlan,
    ForwardPlan,
    MirrorPlan,
    RedirectPlan,
    RetryPlan,
    RouteConfigPlan,
    RouteMatchPlan,
    RoutePlan,
    VirtualHostPlan,
    WeightedClusterPlan,
)

A, B = WeightedClusterPlan("a", 1), WeightedClusterPlan("b", 1)


def test_a_domain_belongs_to_the_first_host_that_claims_it() -> None:
    hosts = (
        VirtualHostPlan("first", ("a", "b"), ()),
        VirtualHostPlan("second", ("B", "c", "c"), ()),
        VirtualHostPlan("third", ("a",), ()),
    )
    found = RouteConfigPlan("80", hosts).virtual_hosts
    assert [(host.name, host.domains) for host in found] == [("first", ("a", "b")), ("second", ("c",))]
    assert found[0] is hosts[0]


@given(st.lists(st.lists(st.sampled_from("abcABC"), max_size=3), max_size=4))
def test_no_domain_occurs_twice(domains: list[list[str]]) -> None:
    hosts = tuple(VirtualHostPlan(str(index), tuple(own), ()) for index, own in enumerate(domains))
    found = RouteConfigPlan("80", hosts).virtual_hosts
    claimed = [domain for host in found for domain in host.domains]
    assert sorted(claimed) == sorted({domain.lower() for own in domains for domain in own})
    assert all(host.domains for host in found)


def test_clusters_without_weight_get_no_requests() -> None:
    idle = WeightedClusterPlan("idle", 0)
    assert ForwardPlan((idle,)).clusters == (idle,)
    assert ForwardPlan((A, idle, B)).clusters == (A, B)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ForwardPlan(()),
        lambda: ForwardPlan((WeightedClusterPlan("a", 0), WeightedClusterPlan("b", 0))),
        lambda: ForwardPlan((A,), prefix_rewrite="/", regex_rewrite=RegexRewrite(match="a", rewrite="b")),
        lambda: RetryPlan(num_retries=0),
        lambda: MirrorPlan("a", 0.0),
        lambda: MirrorPlan("a", 100.1),
        lambda: RedirectPlan(code=304),
        lambda: RedirectPlan(path="/a", prefix="/b"),
        lambda: DirectResponsePlan(199),
        lambda: DirectResponsePlan(200, b"x" * (MAX_DIRECT_RESPONSE_BODY + 1)),
        lambda: RouteFaultPlan(delay_percent=-1.0),
        lambda: RouteFaultPlan(delay=timedelta(0)),
        lambda: RouteFaultPlan(abort_http_status=500, abort_grpc_status=14),
        lambda: RouteFaultPlan(abort_percent=float("nan")),
        lambda: RoutePlan(RouteMatchPlan(), DirectResponsePlan(200), filters=(RouteFaultPlan(), RouteFaultPlan())),
        lambda: RouteConfigPlan("80", (), filters=(RouteFaultPlan(), RouteFaultPlan())),
    ],
)
def test_what_envoy_refuses_is_no_plan(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=" "):
        make()
