from collections.abc import Iterable

from galley.kinds.networking.virtual_service import (
    HttpMatchRequest,
    L4MatchAttributes,
    RouteDestination,
    TcpRoute,
    TlsMatchAttributes,
    TlsRoute,
    VirtualService,
)
from galley.kinds.values import Destination
from galley.meta import Resource
from pilot.mesh.rules.virtual_services import VirtualServiceIndex, index_virtual_services
from tests.builders import a_config, a_route, a_virtual_service, labels


def index(*rules: Resource[VirtualService], default: tuple[str, ...] = ("*",)) -> VirtualServiceIndex:
    return index_virtual_services(a_config(*rules).of(VirtualService), default)


def names(rules: Iterable[Resource[VirtualService]]) -> list[str]:
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
    rules = index(a_virtual_service(namespace="books"), default=(".",))
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


def test_the_labels_that_matches_ask_about_are_collected() -> None:
    target = (RouteDestination(destination=Destination(host="a")),)
    rules = index(
        a_virtual_service(
            routes=(a_route(match=(HttpMatchRequest(source_labels=labels(app="a")),)),),
            tls=(TlsRoute(match=(TlsMatchAttributes(source_labels=labels(version="b")),), route=target),),
            tcp=(TcpRoute(match=(L4MatchAttributes(source_labels=labels(tier="c")),), route=target),),
        )
    )
    assert rules.source_labels == {"app", "version", "tier"}
