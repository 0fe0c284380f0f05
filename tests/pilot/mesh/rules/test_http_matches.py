import pytest

from galley.frozen import FrozenMap
from galley.kinds.networking.virtual_service import HttpMatchRequest
from galley.kinds.values import StringMatch
from pilot.ir.route import RouteMatchPlan
from pilot.mesh.rules.http_matches import RouteSite, match_applies, plan_match
from tests.builders import labels
from tests.builders_traffic import a_match, exact, prefix, regex

SITE = RouteSite(gateway="mesh", port=9080, labels=labels(app="productpage"), namespace="default")


def applies(match: HttpMatchRequest, site: RouteSite = SITE) -> bool:
    return match_applies(match, rule_namespace="default", site=site)


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (a_match(), True),
        (a_match(port=9080), True),
        (a_match(port=80), False),
        (a_match(source_labels=labels(app="productpage")), True),
        (a_match(source_labels=labels(app="other")), False),
        (a_match(source_labels=labels(app="productpage", version="v1")), False),
        (a_match(source_namespace="default"), True),
        (a_match(source_namespace="prod"), False),
        (a_match(gateways=("mesh",)), True),
        (a_match(gateways=("egress",)), False),
    ],
)
def test_static_conditions(match: HttpMatchRequest, expected: bool) -> None:
    assert applies(match) is expected


def test_a_match_with_gateways_ignores_labels_and_namespace_of_the_source() -> None:
    match = a_match(gateways=("mesh",), source_labels=labels(app="other"), source_namespace="prod")
    assert applies(match)


def test_gateways_are_compared_after_resolution() -> None:
    at_gateway = RouteSite(gateway="default/egress", port=80)
    assert applies(a_match(gateways=("egress",)), at_gateway)
    assert applies(a_match(gateways=("default/egress",)), at_gateway)
    assert not applies(a_match(gateways=("istio-system/egress",)), at_gateway)


def test_unverified_claims_match_nothing() -> None:
    assert not applies(a_match(headers={"@request.auth.claims.group": exact("admin")}))
    assert not applies(a_match(without_headers={"@request.auth.claims.group": exact("guest")}))


def test_no_match_takes_everything() -> None:
    assert plan_match(None) == RouteMatchPlan()
    assert plan_match(None).is_catch_all


@pytest.mark.parametrize("uri", [StringMatch(), prefix(""), prefix("/"), regex("*")])
def test_paths_that_everything_has_are_no_condition(uri: StringMatch) -> None:
    assert plan_match(a_match(uri=uri)).uri is None


@pytest.mark.parametrize("uri", [prefix("/api"), exact("/"), regex("/a.*")])
def test_other_paths_are_kept(uri: StringMatch) -> None:
    assert plan_match(a_match(uri=uri)).uri == uri


def test_method_authority_and_scheme_become_pseudo_headers() -> None:
    plan = plan_match(a_match(method=exact("GET"), authority=exact("a:80"), scheme=exact("https")))
    assert plan.headers == FrozenMap({":method": exact("GET"), ":authority": exact("a:80"), ":scheme": exact("https")})
    assert not plan.is_catch_all


def test_headers_queries_and_case() -> None:
    plan = plan_match(
        a_match(
            headers={"end-user": exact("jason")},
            without_headers={"x-beta": StringMatch()},
            query_params={"v": regex("[0-9]+")},
            ignore_uri_case=True,
        )
    )
    assert plan.headers == FrozenMap({"end-user": exact("jason")})
    assert plan.without_headers == FrozenMap({"x-beta": StringMatch()})
    assert plan.query_params == FrozenMap({"v": regex("[0-9]+")})
    assert plan.ignore_case


def test_the_empty_prefix_of_a_header_means_present() -> None:
    assert plan_match(a_match(headers={"a": prefix("")})).headers["a"].is_presence
