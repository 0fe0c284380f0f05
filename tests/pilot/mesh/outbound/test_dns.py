"""The table of names: which there are, what they stand for, and who has a name that two could have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from galley.kinds.kubernetes.service import KubernetesService, ServiceType
from galley.kinds.networking.service_entry import Resolution
from galley.meta import Resource, ResourceKey
from pilot.ir.listener import DnsListenerPlan
from pilot.memo import Memo
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import OutboundScope
from pilot.mesh.outbound.dns import plan_dns_listener
from tests.builders import a_context, a_manifest, a_scope, a_service_entry, a_sidecar, a_workload_entry, attached
from tests.builders_traffic import a_listener_scope

NAMED = a_scope(auto_addresses=True)
REVIEWS = a_manifest(cluster_ip="10.96.0.10")


def plan(context: PushContext, outbound: OutboundScope = NAMED, memo: Memo | None = None) -> DnsListenerPlan:
    return plan_dns_listener(context, a_listener_scope(outbound, dns_capture=True), memo or Memo())


def table(*resources: Resource[Any], scope: OutboundScope = NAMED) -> dict[str, tuple[str, ...]]:
    return {name.name: name.addresses for name in plan(a_context(*resources), scope).names}


def test_a_service_has_the_names_that_a_resolver_may_be_asked_for() -> None:
    assert table(REVIEWS) == dict.fromkeys(
        ("reviews", "reviews.default", "reviews.default.svc", "reviews.default.svc.cluster.local"), ("10.96.0.10",)
    )


def test_of_another_namespace_only_with_the_namespace() -> None:
    found = table(a_manifest(cluster_ip="10.96.0.10", namespace="shop"))
    assert sorted(found) == ["reviews.shop", "reviews.shop.svc", "reviews.shop.svc.cluster.local"]


def test_a_service_entry_has_the_name_that_it_says() -> None:
    assert list(table(a_service_entry("api.example.com"))) == ["api.example.com"]


def test_without_address_it_stands_for_an_automatic_one() -> None:
    (addresses,) = set(table(a_manifest()).values())
    assert [address.startswith("240.240.") for address in addresses] == [True]


def test_names_without_any_address_are_left_to_others() -> None:
    unresolved = a_service_entry("www.example.com", resolution=Resolution.NONE, endpoints=())
    scope = a_scope(auto_addresses=False)
    assert table(unresolved) == {}
    assert table(a_manifest(), scope=scope) == {}
    assert "reviews" in table(REVIEWS, scope=scope)


def test_a_headless_service_stands_for_its_endpoints() -> None:
    headless = a_manifest(cluster_ip="None")
    workloads = [a_workload_entry(f"w{number}", f"10.0.0.{number}") for number in (3, 1)]
    assert table(headless, *workloads)["reviews"] == ("10.0.0.1", "10.0.0.3")
    assert table(headless) == {}


def test_addresses_of_the_proxys_families_only() -> None:
    both = a_manifest(cluster_ip="10.96.0.10", cluster_ips=("10.96.0.10", "fd00::10"))
    assert table(both)["reviews"] == ("10.96.0.10",)
    assert table(both, scope=a_scope(ipv6=True))["reviews"] == ("fd00::10",)
    assert table(both, scope=a_scope(dual_stack=True))["reviews"] == ("10.96.0.10", "fd00::10")
    assert table(REVIEWS, scope=a_scope(ipv6=True)) == {}


def test_a_range_is_no_address() -> None:
    ranged = a_service_entry("db.example", addresses=("10.0.0.1",), protocol="TCP", port=5432)
    spec = replace(ranged.spec, addresses=("10.1.0.0/16", "10.2.0.1"))
    assert table(replace(ranged, spec=spec))["db.example"] == ("10.2.0.1",)


def test_an_alias_stands_for_what_its_target_does() -> None:
    def alias(target: str) -> Resource[KubernetesService]:
        return a_manifest("old", type=ServiceType.EXTERNAL_NAME, external_name=target, ports=())

    assert table(REVIEWS, alias("reviews.default.svc.cluster.local"))["old"] == ("10.96.0.10",)
    assert "old" not in table(REVIEWS, alias("elsewhere.example"))


def test_a_name_of_its_own_beats_the_short_form_of_another() -> None:
    entry = a_service_entry("reviews.default", created="2021-01-01T00:00:00Z")
    found = table(REVIEWS, entry)
    assert found["reviews"] == found["reviews.default.svc"] == ("10.96.0.10",)
    assert found["reviews.default"] != ("10.96.0.10",)


def test_only_what_the_sidecar_imports_has_a_name() -> None:
    sidecar = a_sidecar("shop/*")
    scope = a_scope(auto_addresses=True, attached=attached(sidecar.key))
    found = table(REVIEWS, a_manifest("cart", namespace="shop"), sidecar, scope=scope)
    assert sorted(found) == ["cart.shop", "cart.shop.svc", "cart.shop.svc.cluster.local"]


def test_where_it_listens() -> None:
    context = a_context(REVIEWS)
    assert plan(context).addresses == ("127.0.0.1",)
    assert plan(context, a_scope(ipv6=True)).addresses == ("127.0.0.1", "::1")
    assert plan(context, a_scope(dual_stack=True)).addresses == ("127.0.0.1", "::1")
    assert plan(context).port == 15053
    assert plan(context).origins == (ResourceKey("Service", "default", "reviews"),)


def test_one_more_service_plans_only_its_own_names() -> None:
    memo = Memo()
    manifests = [a_manifest(f"s{number}") for number in range(50)]
    context = a_context(*manifests)
    first = plan(context, memo=memo)
    known = memo.misses
    assert plan(context, memo=memo) == first
    assert memo.misses == known
    plan(a_context(*manifests, a_manifest("new"), previous=context), memo=memo)
    assert memo.misses - known == 2  # its names, and the table
