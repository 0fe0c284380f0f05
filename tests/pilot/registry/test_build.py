from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from galley.kinds.networking.service_entry import WorkloadEntry, WorkloadGroup
from galley.kinds.values import NetworkingWorkloadSelector
from galley.meta import Resource
from pilot.registry.build import build_catalog
from pilot.registry.catalog import ServiceCatalog, ServiceKey
from pilot.registry.workloads import RegisteredWorkload
from tests.builders import (
    a_config,
    a_manifest,
    a_registered_workload,
    a_resource,
    a_service_entry,
    a_workload_entry,
    labels,
)

REVIEWS = ServiceKey(hostname="reviews.default.svc.cluster.local", namespace="default")
RATINGS = ServiceKey(hostname="ratings.default.svc.cluster.local", namespace="default")


def addresses(catalog: ServiceCatalog, key: ServiceKey = REVIEWS, port: str = "http") -> list[str]:
    return [endpoint.address for endpoint in catalog.endpoints_of(key, port)]


def test_a_service_selects_workload_entries_of_its_namespace() -> None:
    catalog = build_catalog(
        a_config(
            a_manifest("reviews"),
            a_workload_entry("one", "10.0.0.1"),
            a_workload_entry("two", "10.0.0.2", version="v2"),
            a_workload_entry("stranger", "10.0.0.3", app="ratings"),
            a_workload_entry("elsewhere", "10.0.0.4", namespace="other"),
        ),
        (),
    )
    assert addresses(catalog) == ["10.0.0.1", "10.0.0.2"]


def test_a_service_entry_selects_alike() -> None:
    selector = NetworkingWorkloadSelector(match_labels=labels(app="reviews", version="v2"))
    catalog = build_catalog(
        a_config(
            a_service_entry(addresses=(), workload_selector=selector),
            a_workload_entry("one", "10.0.0.1"),
            a_workload_entry("two", "10.0.0.2", version="v2"),
        ),
        (),
    )
    assert addresses(catalog) == ["10.0.0.2"]


def test_a_registered_workload_is_an_endpoint_of_every_service_that_selects_it() -> None:
    config = a_config(a_manifest("reviews"), a_manifest("all", selector={"app": "reviews"}))
    catalog = build_catalog(config, (a_registered_workload("10.0.0.9"),))
    assert addresses(catalog) == ["10.0.0.9"]
    assert addresses(catalog, ServiceKey("all.default.svc.cluster.local", "default")) == ["10.0.0.9"]


def test_the_group_that_a_registered_workload_names_is_its_template() -> None:
    group = a_resource(WorkloadGroup(template=WorkloadEntry(labels=labels(app="reviews"), weight=5)), "reviews-vm")
    claim = a_registered_workload("10.0.0.9", labels=labels(), group="reviews-vm")
    before = build_catalog(a_config(a_manifest("reviews")), (claim,))
    assert addresses(before) == []
    after = build_catalog(a_config(a_manifest("reviews"), group), (claim,), before)
    (endpoint,) = after.endpoints_of(REVIEWS, "http")
    assert (endpoint.address, endpoint.weight) == ("10.0.0.9", 5)


def test_nothing_changed_is_the_same_catalog() -> None:
    config = a_config(a_manifest("reviews"), a_workload_entry())
    catalog = build_catalog(config, (a_registered_workload(),))
    assert build_catalog(config, (a_registered_workload(),), catalog) is catalog


def test_a_new_workload_changes_only_the_endpoints_of_the_services_that_select_it() -> None:
    reviews, ratings = a_manifest("reviews"), a_manifest("ratings")
    rating = a_workload_entry("rating", "10.0.1.1", app="ratings")
    before = build_catalog(a_config(reviews, ratings, rating), ())
    after = build_catalog(a_config(reviews, ratings, rating), (a_registered_workload("10.0.0.9"),), before)
    assert addresses(after) == ["10.0.0.9"]
    assert after.services is before.services
    assert after.endpoints[RATINGS] is before.endpoints[RATINGS]
    gone = build_catalog(a_config(reviews, ratings, rating), (), after)
    assert addresses(gone) == []
    assert gone.services is before.services


def test_a_workload_that_changes_is_replaced() -> None:
    config = a_config(a_manifest("reviews"))
    first = build_catalog(config, (a_registered_workload("10.0.0.9"), a_registered_workload("10.0.0.8")))
    moved = a_registered_workload("10.0.0.9", labels=labels(app="ratings"))
    second = build_catalog(config, (moved, a_registered_workload("10.0.0.8")), first)
    assert addresses(second) == ["10.0.0.8"]


def test_a_resource_read_again_with_the_same_content_changes_no_value() -> None:
    before = build_catalog(a_config(a_manifest("reviews"), a_workload_entry(), a_service_entry("a.com")), ())
    after = build_catalog(a_config(a_manifest("reviews"), a_workload_entry(), a_service_entry("a.com")), (), before)
    assert after.services is before.services
    assert after.endpoints[REVIEWS]["http"] is before.endpoints[REVIEWS]["http"]
    again = build_catalog(a_config(a_manifest("reviews"), a_workload_entry(), a_service_entry("a.com")), (), after)
    assert addresses(again) == ["10.0.0.1"]


def test_other_endpoints_of_a_changed_service_stay_the_same_objects() -> None:
    before = build_catalog(a_config(a_service_entry(addresses=("10.0.0.1", "10.0.0.2"))), ())
    after = build_catalog(a_config(a_service_entry(addresses=("10.0.0.2", "10.0.0.3"))), (), before)
    assert after.endpoints_of(REVIEWS, "http")[0] is before.endpoints_of(REVIEWS, "http")[1]
    assert after.services is before.services


def test_a_removed_service_is_gone() -> None:
    before = build_catalog(a_config(a_service_entry(), a_service_entry("a.com", addresses=("10.0.0.5",))), ())
    after = build_catalog(a_config(a_service_entry("a.com", addresses=("10.0.0.5",))), (), before)
    assert {key.hostname for key in after.services} == {"a.com"}
    assert after.endpoints.keys() == after.services.keys()
    assert set(after.by_address) == {"10.0.0.5"}


def test_kubernetes_and_service_entry_of_one_name_are_one_service() -> None:
    catalog = build_catalog(
        a_config(a_manifest("reviews"), a_workload_entry(), a_service_entry(addresses=("10.9.9.9",))), ()
    )
    assert catalog.services[REVIEWS].kubernetes
    assert addresses(catalog) == ["10.0.0.1", "10.9.9.9"]


def test_by_address_says_what_an_address_serves_older_services_first() -> None:
    catalog = build_catalog(
        a_config(
            a_service_entry("young.com", created="2025-01-01T00:00:00Z"),
            a_service_entry("old.com", created="2024-01-01T00:00:00Z", port=80),
        ),
        (),
    )
    served = catalog.by_address["10.0.0.1"]
    assert [(entry.service.hostname, entry.port.number) for entry in served] == [("old.com", 80), ("young.com", 9080)]


def test_of_two_workloads_at_one_address_the_same_stays_whoever_came_first() -> None:
    entry, claim = a_workload_entry(address="10.0.0.9"), a_registered_workload("10.0.0.9")
    config, later = a_config(a_manifest("reviews")), a_config(a_manifest("reviews"), entry)
    by_claim = build_catalog(config, (claim,))
    both = build_catalog(later, (claim,), by_claim)
    assert both.endpoints_of(REVIEWS, "http") == build_catalog(later, (claim,)).endpoints_of(REVIEWS, "http")
    assert len(both.endpoints_of(REVIEWS, "http")) == 1


_RESOURCES = (
    a_manifest("reviews"),
    a_manifest("ratings"),
    a_manifest("all", selector={"version": "v1"}),
    a_service_entry(addresses=("10.0.0.1", "10.0.0.7")),
    a_service_entry(name="again", port=90, protocol="GRPC", addresses=("10.0.0.8",)),
    a_service_entry(
        "a.com", addresses=(), workload_selector=NetworkingWorkloadSelector(match_labels=labels(app="ratings"))
    ),
    a_workload_entry("one", "10.0.0.1"),
    a_workload_entry("twin", "10.0.0.1"),
    a_workload_entry("two", "10.0.0.2", app="ratings"),
)
_CLAIMS = (
    a_registered_workload("10.0.0.9"),
    a_registered_workload("10.0.0.9", app="ratings"),
    a_registered_workload("10.0.0.2", app="ratings"),
)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sets(st.sampled_from(_RESOURCES)), st.sets(st.sampled_from(_CLAIMS))), max_size=6))
def test_building_in_steps_ends_where_building_at_once_does(
    steps: list[tuple[set[Resource[Any]], set[RegisteredWorkload]]],
) -> None:
    catalog = None
    for resources, claims in steps:
        config, workloads = a_config(*resources), tuple(sorted(claims, key=repr))
        catalog = build_catalog(config, workloads, catalog)
        at_once = build_catalog(config, workloads)
        assert catalog.services == at_once.services
        assert catalog.endpoints == at_once.endpoints
        assert catalog.by_address == at_once.by_address
