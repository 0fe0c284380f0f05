import pytest

from citadel.access.rbac import TextMatchKind
from galley.frozen import FrozenMap
from galley.kinds.values import StringMatch
from pilot.ir.route import RouteMatchPlan
from pilot.mesh.rules.http_matches import RouteSite, applies, plan_match
from pilot.mesh.rules.model import ConnectionCondition, HttpCondition, RuleSite
from tests.builders import labels
from tests.builders_traffic import exact, prefix, regex

SITE = RouteSite(gateway="mesh", port=9080, labels=labels(app="productpage"), namespace="default")


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        (RuleSite(), True),
        (RuleSite(port=9080), True),
        (RuleSite(port=80), False),
        (RuleSite(source_labels=labels(app="productpage")), True),
        (RuleSite(source_labels=labels(app="other")), False),
        (RuleSite(source_labels=labels(app="productpage", version="v1")), False),
        (RuleSite(source_namespace="default"), True),
        (RuleSite(source_namespace="prod"), False),
        (RuleSite(gateways=("mesh",)), True),
        (RuleSite(gateways=("mesh",), source_namespace="prod"), False),
        (RuleSite(gateways=("default/egress",)), False),
    ],
)
def test_what_is_known_while_planning(site: RuleSite, expected: bool) -> None:
    assert applies(HttpCondition(site=site), SITE) is expected
    assert applies(ConnectionCondition(site=site), SITE) is expected


def test_no_condition_takes_everything() -> None:
    assert plan_match(HttpCondition()) == RouteMatchPlan()
    assert plan_match(HttpCondition()).is_catch_all


@pytest.mark.parametrize("uri", [StringMatch(), prefix(""), prefix("/"), regex("*")])
def test_paths_that_everything_has_are_no_condition(uri: StringMatch) -> None:
    assert plan_match(HttpCondition(uri=uri)).uri is None


@pytest.mark.parametrize("uri", [prefix("/api"), exact("/"), regex("/a.*")])
def test_other_paths_are_kept(uri: StringMatch) -> None:
    assert plan_match(HttpCondition(uri=uri)).uri == uri


def test_method_authority_and_scheme_become_pseudo_headers() -> None:
    plan = plan_match(HttpCondition(method=exact("GET"), authority=exact("a:80"), scheme=exact("https")))
    assert plan.headers == FrozenMap({":method": exact("GET"), ":authority": exact("a:80"), ":scheme": exact("https")})
    assert not plan.is_catch_all


def test_headers_queries_and_case() -> None:
    plan = plan_match(
        HttpCondition(
            headers=FrozenMap({"end-user": exact("jason")}),
            without_headers=FrozenMap({"x-beta": StringMatch()}),
            query_params=FrozenMap({"v": regex("[0-9]+")}),
            ignore_uri_case=True,
        )
    )
    assert plan.headers == FrozenMap({"end-user": exact("jason")})
    assert plan.without_headers == FrozenMap({"x-beta": StringMatch()})
    assert plan.query_params == FrozenMap({"v": regex("[0-9]+")})
    assert plan.ignore_case


def test_the_empty_prefix_of_a_header_means_present() -> None:
    assert plan_match(HttpCondition(headers=FrozenMap({"a": prefix("")}))).headers["a"].is_presence


@pytest.mark.parametrize("field", ["claims", "without_claims"])
def test_claims_are_for_gateways_alone(field: str) -> None:
    asked = FrozenMap({("realm", "role"): exact("editor")})
    condition = HttpCondition(**{field: asked})  # type: ignore[arg-type]
    assert not applies(condition, SITE)
    assert applies(condition, RouteSite(gateway="istio-system/edge", port=80))
    plan = plan_match(condition)
    assert not plan.is_catch_all
    (metadata,) = getattr(plan, field)
    assert metadata.path == ("payload", "realm", "role")


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (exact("a"), TextMatchKind.EXACT, "a"),
        (prefix("a"), TextMatchKind.PREFIX, "a"),
        (regex("a.*"), TextMatchKind.REGEX, "a.*"),
        (StringMatch(), TextMatchKind.REGEX, ".+"),
        (prefix(""), TextMatchKind.REGEX, ".+"),
    ],
)
def test_claims_are_compared_like_headers(value: StringMatch, kind: TextMatchKind, text: str) -> None:
    (metadata,) = plan_match(HttpCondition(claims=FrozenMap({("sub",): value}))).claims
    assert [(one.kind, one.text) for one in metadata.texts] == [(kind, text)]
