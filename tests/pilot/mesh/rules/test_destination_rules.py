from typing import Any

from galley.kinds.networking.destination_rule import DestinationRule, LoadBalancerSettings, SimpleLb, TrafficPolicy
from galley.meta import Resource
from pilot.mesh.rules.destination_rules import DestinationRuleIndex, index_destination_rules
from tests.builders import a_config, a_destination_rule, a_subset, labels

HOST = "reviews.books.svc.cluster.local"
RANDOM = TrafficPolicy(load_balancer=LoadBalancerSettings(simple=SimpleLb.RANDOM))
ROUND_ROBIN = TrafficPolicy(load_balancer=LoadBalancerSettings(simple=SimpleLb.ROUND_ROBIN))


def index(*rules: Resource[DestinationRule], default: tuple[str, ...] = ("*",)) -> DestinationRuleIndex:
    return index_destination_rules(a_config(*rules).of(DestinationRule), default, "istio-system")


def chosen(rules: DestinationRuleIndex, client: str = "shop", host: str = HOST) -> str | None:
    found = rules.in_effect(client, host, "books")
    return found.key.name if found else None


def rule(name: str, namespace: str, host: str = HOST, **traits: Any) -> Resource[DestinationRule]:
    return a_destination_rule(host, name=name, namespace=namespace, **traits)


def test_the_clients_namespace_decides_before_the_services_before_the_root() -> None:
    client, service, root = rule("client", "shop"), rule("service", "books"), rule("root", "istio-system")
    assert chosen(index(client, service, root)) == "client"
    assert chosen(index(service, root)) == "service"
    assert chosen(index(root)) == "root"
    assert chosen(index(rule("other", "elsewhere"))) is None


def test_nothing_is_merged_across_namespaces() -> None:
    rules = index(
        rule("client", "shop", policy=RANDOM), rule("service", "books", subsets=(a_subset("v1"),), policy=ROUND_ROBIN)
    )
    found = rules.in_effect("shop", HOST, "books")
    assert found is not None
    assert (found.traffic_policy, found.subsets) == (RANDOM, ())


def test_the_most_specific_host_of_a_namespace_wins() -> None:
    exact, near, far = (
        rule("exact", "books"),
        rule("near", "books", "*.books.svc.cluster.local"),
        rule("far", "books", "*"),
    )
    assert chosen(index(far, near, exact)) == "exact"
    assert chosen(index(far, near)) == "near"
    assert chosen(index(far)) == "far"


def test_a_short_host_belongs_to_the_rules_namespace() -> None:
    assert chosen(index(rule("short", "books", "reviews"))) == "short"
    assert chosen(index(rule("short", "shop", "reviews"))) is None


def test_a_rule_exported_only_to_others_does_not_count_at_home() -> None:
    rules = index(rule("away", "books", export_to=("shop",)))
    assert chosen(rules, client="shop") == "away"
    assert chosen(rules, client="books") is None


def test_a_private_rule_counts_at_home_only() -> None:
    rules = index(rule("private", "books", export_to=(".",)))
    assert chosen(rules, client="books") == "private"
    assert chosen(rules, client="shop") is None


def test_an_unexported_specific_rule_hides_an_exported_wildcard_of_its_namespace() -> None:
    rules = index(
        rule("specific", "books", export_to=("elsewhere",)),
        rule("wildcard", "books", "*.books.svc.cluster.local"),
        rule("root", "istio-system"),
    )
    assert chosen(rules, client="shop") == "root"
    assert chosen(rules, client="elsewhere") == "specific"


def test_for_clients_of_the_root_namespace_only_its_private_rules_come_first() -> None:
    public = index(rule("public", "istio-system"), rule("service", "books"))
    assert chosen(public, client="istio-system") == "service"
    private = index(rule("private", "istio-system", export_to=(".",)), rule("service", "books"))
    assert chosen(private, client="istio-system") == "private"


def test_rules_for_one_host_and_namespace_are_merged_oldest_first() -> None:
    rules = index(
        rule("one", "books", subsets=(a_subset("v1"),), created="2020-01-01T00:00:00Z"),
        rule("two", "books", subsets=(a_subset("v2"),), policy=RANDOM, created="2021-01-01T00:00:00Z"),
        rule("three", "books", subsets=(a_subset("v2", RANDOM),), policy=ROUND_ROBIN, created="2022-01-01T00:00:00Z"),
    )
    found = rules.in_effect("shop", HOST, "books")
    assert found is not None
    assert found.subsets == (a_subset("v1"), a_subset("v2"))
    assert found.traffic_policy == RANDOM
    assert [origin.name for origin in found.origins] == ["one", "two", "three"]


def test_rules_with_different_export_to_are_not_merged_and_the_last_visible_one_counts() -> None:
    rules = index(
        rule("a-public", "books", subsets=(a_subset("v1"),)),
        rule("b-shop", "books", subsets=(a_subset("v2"),), export_to=("shop",)),
    )
    assert chosen(rules, client="shop") == "b-shop"
    assert chosen(rules, client="elsewhere") == "a-public"


def test_the_labels_of_a_subset_are_found_by_name() -> None:
    found = index(rule("one", "books", subsets=(a_subset("v1"),))).in_effect("shop", HOST, "books")
    assert found is not None
    assert found.subset_labels("v1") == labels(version="v1")
    assert found.subset_labels("v9") is None
