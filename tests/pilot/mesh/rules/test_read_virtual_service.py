from typing import Any

from galley.exports import Exports
from galley.kinds.networking.virtual_service import (
    Delegate,
    HttpMatchRequest,
    HttpMirrorPolicy,
    HttpRoute,
    TlsRoute,
)
from galley.kinds.values import Percent
from pilot.mesh.rules.model import (
    ConnectionCondition,
    HttpCondition,
    HttpForward,
    RuleDestination,
    RuleMirror,
    RuleSettings,
    RuleShare,
    RuleSite,
)
from pilot.mesh.rules.read_virtual_service import read_virtual_service
from tests.builders import a_route, a_rule, a_virtual_service, labels
from tests.builders_traffic import a_destination, a_match, a_tcp_route, a_tls_route, exact

SUFFIX = "default.svc.cluster.local"


def test_hosts_gateways_and_exports_relate_to_its_namespace() -> None:
    resource = a_virtual_service(
        "reviews", "A.com", "fd00::1", gateways=("mesh", "edge"), export_to=(".", "shop"), namespace="books"
    )
    (rule,) = read_virtual_service(resource, (), RuleSettings(domain="mesh.example"))
    assert rule.origin is resource.key
    assert rule.hosts == ("reviews.books.svc.mesh.example", "a.com", "fd00::1")
    assert rule.gateways == ("mesh", "books/edge")
    assert rule.exports == Exports(namespaces=("books", "shop"))
    assert rule.destinations == ("reviews.books.svc.mesh.example",)


def test_what_it_does_not_say_is_the_meshs() -> None:
    resource = a_virtual_service()
    (rule,) = read_virtual_service(resource, (), RuleSettings(export_default=("~",)))
    assert (rule.gateways, rule.exports, rule.age) == (("mesh",), Exports(), resource.age)


def test_each_part_knows_its_field() -> None:
    rule = a_rule(routes=(a_route(), a_route()), tls=(a_tls_route("a", "a"),), tcp=(a_tcp_route("a"),))
    assert [http.field for http in rule.http] == ["spec.http[0]", "spec.http[1]"]
    assert [opaque.field for opaque in (*rule.tls, *rule.tcp)] == ["spec.tls[0]", "spec.tcp[0]"]


def conditions(*matches: HttpMatchRequest) -> tuple[HttpCondition, ...]:
    return a_rule(routes=(a_route(match=matches),)).http[0].conditions


def test_without_a_match_there_is_one_condition_that_always_holds() -> None:
    assert conditions() == (HttpCondition(),)
    assert a_rule(tcp=(a_tcp_route("a"),)).tcp[0].conditions == (ConnectionCondition(),)
    assert a_rule(tls=(TlsRoute(),)).tls[0].conditions == ()


def test_claims_are_told_from_headers() -> None:
    claim = {"@request.auth.claims.group": exact("admin"), "x-team": exact("blue")}
    asked, excluded = conditions(a_match(headers=claim), a_match(without_headers=claim))
    assert (dict(asked.claims), dict(asked.headers)) == ({("group",): exact("admin")}, {"x-team": exact("blue")})
    assert dict(excluded.without_claims) == {("group",): exact("admin")}
    assert dict(excluded.without_headers) == {"x-team": exact("blue")}


def test_a_match_of_requests_with_gateways_ignores_labels_and_namespace_of_the_source() -> None:
    source: dict[str, Any] = {"source_labels": labels(app="a"), "source_namespace": "prod"}
    (condition,) = conditions(a_match(gateways=("mesh", "edge"), **source))
    assert condition.site == RuleSite(gateways=("mesh", "default/edge"))
    (unbound,) = conditions(a_match(**source))
    assert unbound.site == RuleSite(**source)
    opaque = a_rule(tcp=(a_tcp_route("a", gateways=("edge",), **source),)).tcp[0].conditions[0]
    assert opaque.site == RuleSite(gateways=("default/edge",), **source)


def shares(**weights: int) -> list[tuple[str, int]]:
    (http,) = a_rule(routes=(a_route(weights=weights),)).http
    assert isinstance(http.action, HttpForward)
    return [(share.destination.subset, share.weight) for share in http.action.shares]


def test_the_weight_of_a_single_destination_means_nothing() -> None:
    assert shares(v1=0) == shares(v1=7) == [("v1", 1)]
    assert shares(v1=0, v2=7) == [("v1", 0), ("v2", 7)]
    assert a_rule(tcp=(a_tcp_route("a.com"),)).tcp[0].shares == (RuleShare(RuleDestination("a.com")),)


def test_mirrors_old_and_new() -> None:
    route = HttpRoute(
        mirror=a_destination("a", port=80),
        mirror_percent=30,
        mirrors=(
            HttpMirrorPolicy(destination=a_destination("b", subset="v1")),
            HttpMirrorPolicy(destination=a_destination("c.com"), percentage=Percent(0.5)),
        ),
    )
    assert a_rule(routes=(route,)).http[0].mirrors == (
        RuleMirror(RuleDestination(f"a.{SUFFIX}", port=80), 30.0),
        RuleMirror(RuleDestination(f"b.{SUFFIX}", "v1"), 100.0),
        RuleMirror(RuleDestination("c.com"), 0.5),
    )


def test_what_is_not_translated_has_no_action() -> None:
    rule = a_rule(routes=(HttpRoute(), a_route()))
    assert [http.action is None for http in rule.http] == [True, False]
    assert isinstance(rule.http[1].action, HttpForward)


def test_a_delegate_that_is_not_there_leaves_its_place_empty() -> None:
    rule = a_rule(routes=(HttpRoute(delegate=Delegate(name="x")), a_route()))
    assert len(rule.http) == 1


def test_every_kind_of_destination_is_named_once() -> None:
    http = (
        a_route("routed", weights={"v1": 0, "v2": 1}, mirror=a_destination("mirror")),
        HttpRoute(mirrors=(HttpMirrorPolicy(destination=a_destination("mirrors.com")),)),
    )
    rule = a_rule("x", routes=http, tls=(a_tls_route("tls", "x"),), tcp=(a_tcp_route("tcp"), a_tcp_route("routed")))
    names = {f"{name}.{SUFFIX}" for name in ("routed", "mirror", "tls", "tcp")}
    assert set(rule.destinations) == {*names, "mirrors.com"}
    assert len(rule.destinations) == 5
