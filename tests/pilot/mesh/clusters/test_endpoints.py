from dataclasses import replace
from typing import Any

from galley.frozen import FrozenMap
from galley.kinds.networking.service_entry import Resolution, WorkloadEntry
from galley.meta import Resource
from pilot.ir.cluster import ClusterPlan, DiscoveryType, EndpointPlan, LoadAssignmentPlan
from pilot.memo import Memo
from pilot.mesh.clusters.endpoints import empty_assignment, plan_load_assignments
from pilot.mesh.clusters.outbound import plan_outbound_clusters
from pilot.mesh.context.push_context import PushContext
from tests.builders import (
    a_context,
    a_destination_rule,
    a_manifest,
    a_registered_workload,
    a_scope,
    a_service_entry,
    a_subset,
    labels,
)

REVIEWS = "reviews.default.svc.cluster.local"
WHOLE = f"outbound|9080||{REVIEWS}"


def assignments(context: PushContext, memo: Memo | None = None) -> dict[str, LoadAssignmentPlan]:
    memo = memo or Memo()
    clusters = plan_outbound_clusters(context, a_scope(), memo)
    return {plan.cluster_name: plan for plan in plan_load_assignments(context, a_scope(), clusters, memo)}


def addresses(plan: LoadAssignmentPlan) -> list[str]:
    return [endpoint.address for group in plan.localities for endpoint in group.endpoints]


def workload(address: str, version: str = "v1", **traits: Any) -> WorkloadEntry:
    return WorkloadEntry(address=address, labels=labels(version=version), **traits)


def test_a_cluster_has_the_endpoints_of_its_port_in_a_stable_order() -> None:
    entry = a_service_entry(
        REVIEWS, endpoints=(workload("10.0.0.2", weight=3), workload("10.0.0.1", ports=FrozenMap({"http": 80})))
    )
    plan = assignments(a_context(entry))[WHOLE]
    (group,) = plan.localities
    assert group.endpoints == (EndpointPlan("10.0.0.1", 80, 1), EndpointPlan("10.0.0.2", 9080, 3))
    assert plan.origins == (entry.key,)


def test_a_subset_has_the_endpoints_with_its_labels() -> None:
    context = a_context(
        a_service_entry(REVIEWS, endpoints=(workload("10.0.0.1"), workload("10.0.0.2", "v2"))),
        a_destination_rule(subsets=(a_subset("v1"), a_subset("v2"), a_subset("v9"))),
    )
    found = assignments(context)
    assert addresses(found[WHOLE]) == ["10.0.0.1", "10.0.0.2"]
    assert addresses(found[f"outbound|9080|v1|{REVIEWS}"]) == ["10.0.0.1"]
    assert addresses(found[f"outbound|9080|v2|{REVIEWS}"]) == ["10.0.0.2"]
    assert found[f"outbound|9080|v9|{REVIEWS}"].localities == ()


def test_localities_are_grouped_and_sorted() -> None:
    endpoints = (
        workload("10.0.0.1", locality="us/east"),
        workload("10.0.0.2", locality="eu/west"),
        workload("10.0.0.3", locality="eu/west"),
        workload("10.0.0.4"),
    )
    plan = assignments(a_context(a_service_entry(REVIEWS, endpoints=endpoints)))[WHOLE]
    assert [(group.locality.region, len(group.endpoints)) for group in plan.localities] == [
        ("", 1),
        ("eu", 2),
        ("us", 1),
    ]


def test_clusters_that_envoy_resolves_have_no_assignment_of_their_own() -> None:
    context = a_context(a_service_entry(REVIEWS, resolution=Resolution.DNS, addresses=("a.com",)))
    assert assignments(context) == {}


def test_a_service_without_endpoints_has_an_empty_assignment() -> None:
    assert assignments(a_context(a_manifest("reviews")))[WHOLE].localities == ()


def test_a_cluster_that_nobody_knows_has_an_empty_assignment() -> None:
    unknown = ClusterPlan(
        name="outbound|1||gone.com", discovery=DiscoveryType.EDS, service_host="gone.com", service_port=1
    )
    (plan,) = plan_load_assignments(a_context(), a_scope(), (unknown,), Memo())
    assert plan == empty_assignment("outbound|1||gone.com")


def test_one_endpoint_changed_is_one_load_assignment() -> None:
    resources: list[Resource[Any]] = [a_manifest("reviews"), *(a_service_entry(f"s{n}.com") for n in range(20))]
    memo = Memo()
    before = a_context(*resources)
    old = assignments(before, memo)
    memo = memo.successor()
    first = memo.misses
    after = a_context(*resources, workloads=(a_registered_workload("10.0.0.9"),), previous=before)
    new = assignments(after, memo)
    assert memo.misses == first + 1
    assert [name for name in new if new[name] is not old[name]] == [WHOLE]
    assert addresses(new[WHOLE]) == ["10.0.0.9"]


def test_a_workload_whose_envoy_has_no_listeners_yet_is_no_endpoint() -> None:
    claims = (a_registered_workload("10.0.0.1", app="reviews"), a_registered_workload("10.0.0.2", app="reviews"))
    starting = replace(claims[1], serving=False)
    context = a_context(a_manifest("reviews"), workloads=(claims[0], starting))
    assert addresses(assignments(context)[WHOLE]) == ["10.0.0.1"]
    assert "10.0.0.2" in context.catalog.by_address, "its own proxy has to know what it serves"
