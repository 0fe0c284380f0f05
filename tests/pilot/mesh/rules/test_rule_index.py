from collections.abc import Iterable
from typing import Any

from galley.kinds.mesh_config import MeshConfig
from galley.kinds.networking.virtual_service import HttpMatchRequest
from galley.meta import Resource
from pilot.mesh.rules.model import TrafficRule
from pilot.mesh.rules.rule_index import RuleIndex, index_rules
from tests.builders import a_config, a_route, a_virtual_service, labels
from tests.builders_traffic import a_tcp_route, a_tls_route


def index(*resources: Resource[Any], previous: RuleIndex | None = None, **mesh: Any) -> RuleIndex:
    return index_rules(a_config(*resources, mesh=MeshConfig(**mesh)), previous)


def names(rules: Iterable[TrafficRule]) -> list[str]:
    return [rule.name for rule in rules]


def test_private_rules_come_before_those_exported_by_name_before_public_ones() -> None:
    rules = index(
        a_virtual_service(name="public-old", created="2020-01-01T00:00:00Z"),
        a_virtual_service(name="public-new", created="2021-01-01T00:00:00Z"),
        a_virtual_service(name="to-shop", namespace="books", export_to=("shop",), created="2022-01-01T00:00:00Z"),
        a_virtual_service(name="private", namespace="shop", export_to=(".",), created="2023-01-01T00:00:00Z"),
        a_virtual_service(name="foreign", namespace="books", export_to=(".",)),
    )
    assert names(rules.candidates("mesh", "shop")) == ["private", "to-shop", "public-old", "public-new"]
    assert names(rules.candidates("mesh", "books")) == ["foreign", "public-old", "public-new"]


def test_the_meshs_default_counts_where_a_rule_says_nothing() -> None:
    rules = index(a_virtual_service(namespace="books"), default_virtual_service_export_to=(".",))
    assert names(rules.candidates("mesh", "books")) == ["reviews"]
    assert rules.candidates("mesh", "shop") == ()


def test_rules_are_bound_to_the_gateways_that_they_name_and_else_to_the_mesh() -> None:
    rules = index(
        a_virtual_service(name="unbound"),
        a_virtual_service(name="local", gateways=("edge",)),
        a_virtual_service(name="both", gateways=("mesh", "infra/edge")),
        a_virtual_service(name="legacy", gateways=("edge.infra.svc.cluster.local", "infra/edge")),
    )
    assert names(rules.candidates("mesh", "default")) == ["both", "unbound"]
    assert names(rules.candidates("default/edge", "default")) == ["local"]
    assert names(rules.candidates("infra/edge", "default")) == ["both", "legacy"]
    assert rules.candidates("nowhere/edge", "default") == ()


def test_the_labels_that_conditions_ask_about_are_collected() -> None:
    rules = index(
        a_virtual_service(
            routes=(a_route(match=(HttpMatchRequest(source_labels=labels(app="a")),)),),
            tls=(a_tls_route("a", "a.com", source_labels=labels(version="b")),),
            tcp=(a_tcp_route("a", source_labels=labels(tier="c")),),
        )
    )
    assert rules.source_labels == {"app", "version", "tier"}


def test_rules_of_resources_that_did_not_change_are_the_same_objects() -> None:
    kept, changed = a_virtual_service("a.com"), a_virtual_service("b.com")
    before = index(kept, changed)
    after = index(kept, a_virtual_service("b.com", export_to=(".",)), previous=before)
    old, new = (rules.candidates("mesh", "default") for rules in (before, after))
    assert {rule.name for rule in {*old} & {*new}} == {"a.com"}
    assert next(rule for rule in old if rule.name == "a.com") is next(rule for rule in new if rule.name == "a.com")


def test_nothing_is_indexed_again_when_no_rule_changed() -> None:
    rule = a_virtual_service("a.com")
    before = index(rule)
    assert index(rule, a_virtual_service("b.com"), previous=before) is not before
    assert index(rule, previous=before) is before
    assert index(previous=before).candidates("mesh", "default") == ()


def test_all_rules_are_read_again_when_the_mesh_says_something_else_of_them() -> None:
    rule = a_virtual_service("a.com", namespace="books")
    after = index(rule, previous=index(rule), default_virtual_service_export_to=(".",))
    assert after.candidates("mesh", "shop") == ()
