from __future__ import annotations

from typing import Any

import pytest

from pilot.ir.cluster import ClusterPlan, DiscoveryType, EndpointPlan, LbPolicy, LoadAssignmentPlan, LocalityPlan
from pilot.node.locality import Locality


def endpoints(*addresses: str) -> LoadAssignmentPlan:
    group = LocalityPlan(Locality(), tuple(EndpointPlan(address, 80) for address in addresses))
    return LoadAssignmentPlan("a", (group,))


def test_a_cluster_that_says_its_endpoints_may_have_none() -> None:
    for discovery in (DiscoveryType.STATIC, DiscoveryType.STRICT_DNS):
        assert ClusterPlan("a", discovery).load_assignment == LoadAssignmentPlan("a")
    assert ClusterPlan("a", DiscoveryType.EDS).load_assignment is None


@pytest.mark.parametrize(
    "traits",
    [
        {"discovery": DiscoveryType.LOGICAL_DNS},
        {"discovery": DiscoveryType.LOGICAL_DNS, "load_assignment": endpoints("a.example.com", "b.example.com")},
        {"discovery": DiscoveryType.EDS, "load_assignment": endpoints("10.0.0.1")},
        {"discovery": DiscoveryType.EDS, "lb_policy": LbPolicy.CLUSTER_PROVIDED},
        {"discovery": DiscoveryType.ORIGINAL_DST, "lb_policy": LbPolicy.LEAST_REQUEST},
    ],
)
def test_what_envoy_refuses_is_no_cluster(traits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"has|takes"):
        ClusterPlan("a", **traits)


def test_an_endpoint_has_weight_and_a_locality_has_endpoints() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        EndpointPlan("10.0.0.1", 80, weight=0)
    with pytest.raises(ValueError, match="has endpoints"):
        LocalityPlan(Locality(), ())
