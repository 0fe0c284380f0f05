from datetime import timedelta
from typing import Any

from galley.frozen import FrozenMap
from galley.kinds.http import (
    CorsPolicy,
    HeaderOperations,
    Headers,
    HttpDirectResponse,
    HttpRedirect,
    HttpRewrite,
    RegexRewrite,
)
from galley.kinds.networking.virtual_service import HttpMirrorPolicy, HttpRoute, HttpRouteDestination
from galley.kinds.values import Percent
from pilot.ir.http_filters import RouteCorsPlan
from pilot.ir.route import (
    DirectResponsePlan,
    ForwardPlan,
    HeaderMutationPlan,
    MirrorPlan,
    RedirectPlan,
    RetryPlan,
    RoutePlan,
)
from pilot.mesh.rules.http_matches import RouteSite
from pilot.mesh.rules.http_routes import HttpRouting, plan_http_routes, plan_service_route
from tests.builders import a_route, a_rule
from tests.builders_traffic import a_destination, a_match, clusters_of, exact, forward_of, prefix, regex

ROUTING = HttpRouting(site=RouteSite(gateway="mesh", port=9080, namespace="default"))
REVIEWS = "reviews.default.svc.cluster.local"


def plan(*routes: HttpRoute, routing: HttpRouting = ROUTING) -> tuple[RoutePlan, ...]:
    return plan_http_routes(a_rule(routes=routes), routing)


def setting(**headers: str) -> Headers:
    return Headers(request=HeaderOperations(set=FrozenMap(headers)))


def test_each_alternative_of_a_match_is_a_route() -> None:
    matches = (a_match(uri=exact("/productpage")), a_match(uri=prefix("/static")))
    routes = plan(a_route(match=matches))
    assert [route.match.uri for route in routes] == [exact("/productpage"), prefix("/static")]


def test_nothing_follows_a_catch_all() -> None:
    assert len(plan(a_route(subset="v1"), a_route(subset="v2"))) == 1
    assert len(plan(a_route(match=(a_match(uri=prefix("/")), a_match(uri=exact("/a")))), a_route())) == 1
    assert len(plan(a_route(match=(a_match(uri=regex(".*")),)), a_route())) == 1


def test_a_header_on_the_root_prefix_is_no_catch_all() -> None:
    jason = a_match(uri=prefix("/"), headers={"end-user": exact("jason")})
    assert len(plan(a_route(subset="v2", match=(jason,)), a_route(subset="v1"))) == 2


def test_a_statically_excluded_match_does_not_end_the_list() -> None:
    routes = plan(a_route(subset="v2", match=(a_match(port=80),)), a_route(subset="v1"))
    assert [list(clusters_of(route)) for route in routes] == [[f"outbound|9080|v1|{REVIEWS}"]]


def test_weights_are_kept_and_zero_shares_dropped() -> None:
    (route,) = plan(a_route(weights={"v1": 80, "v2": 20, "v3": 0}))
    assert clusters_of(route) == {f"outbound|9080|v1|{REVIEWS}": 80, f"outbound|9080|v2|{REVIEWS}": 20}


def test_the_weight_of_a_single_destination_is_ignored() -> None:
    (route,) = plan(a_route(weights={"v1": 0}))
    assert clusters_of(route) == {f"outbound|9080|v1|{REVIEWS}": 1}


def test_no_weight_at_all_answers_500() -> None:
    (route,) = plan(a_route(weights={"v1": 0, "v2": 0}))
    assert route.action == DirectResponsePlan(status=500)


def test_names_of_rule_and_match() -> None:
    routes = plan(HttpRoute(name="r", match=(a_match(name="m", uri=exact("/a")),), route=a_route().route), a_route())
    assert [route.name for route in routes] == ["r.m", ""]


def test_defaults_of_a_forwarding_route() -> None:
    (route,) = plan(a_route())
    assert forward_of(route).timeout == timedelta(0)
    assert forward_of(route).retry == RetryPlan()
    assert route.rule == a_rule().origin


def test_operations_name_the_destination_or_the_rule() -> None:
    routes = plan(
        a_route(match=(a_match(uri=exact("/a")),)),
        a_route(match=(a_match(uri=regex("/b.*")),)),
        a_route(match=(a_match(uri=prefix("/c")),), weights={"v1": 1, "v2": 1}),
        a_route(),
    )
    expected = [f"{REVIEWS}:9080/a", f"{REVIEWS}:9080/b.*", "reviews:9080/c*", f"{REVIEWS}:9080/*"]
    assert [route.decorator for route in routes] == expected


def test_rewrites() -> None:
    (route,) = plan(a_route(rewrite=HttpRewrite(uri="/v2", authority="a.com")))
    assert (forward_of(route).prefix_rewrite, forward_of(route).host_rewrite) == ("/v2", "a.com")
    pattern = RegexRewrite(match="/(.*)", rewrite="/x/\\1")
    (route,) = plan(a_route(rewrite=HttpRewrite(uri="/v2", uri_regex_rewrite=pattern)))
    assert (forward_of(route).prefix_rewrite, forward_of(route).regex_rewrite) == ("", pattern)


def test_precedence_of_the_host() -> None:
    share = HttpRouteDestination(destination=a_destination(), headers=setting(Host="share.com"))

    def host_of(**traits: Any) -> str:
        (route,) = plan(HttpRoute(route=(share,), **traits))
        return forward_of(route).host_rewrite or forward_of(route).clusters[0].host_rewrite

    assert host_of() == "share.com"
    assert host_of(headers=setting(Host="rule.com")) == "rule.com"
    assert host_of(headers=setting(Host="rule.com"), rewrite=HttpRewrite(authority="rewrite.com")) == "rewrite.com"


def test_a_rule_that_sets_the_host_silences_its_shares() -> None:
    shares = tuple(
        HttpRouteDestination(destination=a_destination(subset=name), weight=1, headers=setting(Host=f"{name}.com"))
        for name in ("v1", "v2")
    )
    (route,) = plan(HttpRoute(route=shares, headers=setting(Host="rule.com")))
    assert (forward_of(route).host_rewrite, [s.host_rewrite for s in forward_of(route).clusters]) == (
        "rule.com",
        ["", ""],
    )


def test_headers_of_rule_and_share() -> None:
    shares = tuple(
        HttpRouteDestination(destination=a_destination(subset=name), weight=1, headers=setting(version=name))
        for name in ("v1", "v2")
    )
    (route,) = plan(HttpRoute(route=shares, headers=setting(rule="yes")))
    assert route.request_headers == HeaderMutationPlan(set=(("rule", "yes"),))
    assert [s.request_headers.set for s in forward_of(route).clusters] == [(("version", "v1"),), (("version", "v2"),)]


def test_mirrors_and_their_percentages() -> None:
    target = a_destination(subset="v2")
    mirrored = f"outbound|9080|v2|{REVIEWS}"

    def mirrors(**traits: Any) -> tuple[MirrorPlan, ...]:
        (route,) = plan(a_route(subset="v1", **traits))
        return forward_of(route).mirrors

    assert mirrors(mirror=target) == (MirrorPlan(cluster=mirrored, percent=100.0),)
    assert mirrors(mirror=target, mirror_percent=30) == (MirrorPlan(cluster=mirrored, percent=30.0),)
    half = Percent(value=0.5)
    assert mirrors(mirror=target, mirror_percent=30, mirror_percentage=half)[0].percent == 0.5
    assert mirrors(mirror=target, mirror_percentage=Percent(value=0)) == ()
    several = (HttpMirrorPolicy(destination=target), HttpMirrorPolicy(destination=target, percentage=half))
    assert [mirror.percent for mirror in mirrors(mirrors=several)] == [100.0, 0.5]


def test_redirects_and_direct_responses_need_no_destination() -> None:
    routes = plan(
        HttpRoute(match=(a_match(uri=exact("/old")),), redirect=HttpRedirect(uri="/new")),
        HttpRoute(direct_response=HttpDirectResponse(status=418)),
    )
    assert [route.action for route in routes] == [RedirectPlan(path="/new"), DirectResponsePlan(status=418)]


def test_what_has_no_action_that_is_translated_is_left_out() -> None:
    routes = plan(
        HttpRoute(),
        HttpRoute(redirect=HttpRedirect(redirect_code=304)),
        a_route(),
    )
    assert [type(route.action) for route in routes] == [ForwardPlan]


def test_cors_and_statistics_are_carried() -> None:
    cors = CorsPolicy(allow_methods=("GET",))
    (route,) = plan(a_route(match=(a_match(stat_prefix="all"),), cors_policy=cors))
    assert (route.filters, route.stat_prefix) == ((RouteCorsPlan(allow_methods=("GET",)),), "all")


def test_the_default_route_of_a_service() -> None:
    route = plan_service_route(REVIEWS, 9080, None)
    assert (route.name, route.decorator) == ("default", f"{REVIEWS}:9080/*")
    assert route.match.is_catch_all
    assert clusters_of(route) == {f"outbound|9080||{REVIEWS}": 1}
    assert route.action == ForwardPlan(clusters=forward_of(route).clusters, retry=RetryPlan())
