from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest

from citadel.access.ext_authz import ExtAuthzPlan, GrpcAuthorizationService
from citadel.access.jwt import InlineKeys, JwtPlan, JwtProviderPlan
from citadel.access.rbac import FilterMetadata, TextMatch, TextMatchKind
from galley.kinds.values import StringMatch
from pilot.envoy.filters.http import render_http_filter, render_route_filters
from pilot.ir.http_filters import (
    CorsPlan,
    FaultPlan,
    GrpcStatsPlan,
    GrpcWebPlan,
    HttpFilterPlan,
    RouteCorsPlan,
    RouteFaultPlan,
    RouteFilterPlan,
    RouterPlan,
)
from tests.rendered import as_json

NEEDED: dict[type[Any], dict[str, Any]] = {
    ExtAuthzPlan: {
        "service": GrpcAuthorizationService(cluster="ask", authority="ask"),
        "timeout": timedelta(seconds=1),
        "enabled_by": FilterMetadata("filter", ("key",), (TextMatch(TextMatchKind.PREFIX, "x"),), lists=False),
    },
    JwtPlan: {"providers": (JwtProviderPlan(issuer="https://a.example", keys=InlineKeys("{}")),)},
}
"""What the plans of some filters cannot be without."""


def an_instance(kind: type[HttpFilterPlan]) -> HttpFilterPlan:
    """The plainest plan of a kind of filter."""
    return kind(**NEEDED.get(kind, {}))


def filter_config(plan: HttpFilterPlan) -> tuple[str, dict[str, Any]]:
    rendered = as_json(render_http_filter(plan))
    return rendered["name"], without_type(rendered["typedConfig"])


def route_config(plan: RouteFilterPlan) -> tuple[str, dict[str, Any]]:
    ((name, config),) = render_route_filters((plan,)).items()
    return name, without_type(as_json(config))


def without_type(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key != "@type"}


@pytest.mark.parametrize("kind", get_args(HttpFilterPlan))
def test_every_filter_has_a_name_of_its_own(kind: type[HttpFilterPlan]) -> None:
    others = {filter_config(an_instance(other))[0] for other in get_args(HttpFilterPlan) if other is not kind}
    assert filter_config(an_instance(kind))[0] not in others


@pytest.mark.parametrize("kind", get_args(RouteFilterPlan))
def test_a_routes_settings_go_by_the_name_of_a_filter(kind: type[RouteFilterPlan]) -> None:
    names = {filter_config(an_instance(filter_plan))[0] for filter_plan in get_args(HttpFilterPlan)}
    assert route_config(kind())[0] in names


def test_filters_without_settings() -> None:
    for plan in (GrpcWebPlan(), FaultPlan(), CorsPlan(), RouterPlan()):
        assert filter_config(plan)[1] == {}


def test_grpc_is_counted_without_names_that_a_client_chooses() -> None:
    name, config = filter_config(GrpcStatsPlan())
    assert (name, config) == ("envoy.filters.http.grpc_stats", {"emitFilterState": True, "statsForAllMethods": False})


def test_a_route_may_have_settings_for_several_filters() -> None:
    found = render_route_filters((RouteFaultPlan(), RouteCorsPlan()))
    assert list(found) == ["envoy.filters.http.fault", "envoy.filters.http.cors"]
    assert render_route_filters(()) == {}


def test_a_fault_with_a_status() -> None:
    fault = RouteFaultPlan(delay=timedelta(seconds=7), delay_percent=100, abort_http_status=555, abort_percent=0.29)
    assert route_config(fault)[1] == {
        "delay": {"fixedDelay": "7s", "percentage": {"numerator": 1_000_000, "denominator": "MILLION"}},
        "abort": {"httpStatus": 555, "percentage": {"numerator": 2900, "denominator": "MILLION"}},
    }


def test_a_fault_with_a_grpc_status() -> None:
    assert route_config(RouteFaultPlan(abort_grpc_status=14, abort_percent=50))[1] == {
        "abort": {"grpcStatus": 14, "percentage": {"numerator": 500_000, "denominator": "MILLION"}}
    }


def test_a_cors_policy() -> None:
    cors = RouteCorsPlan(
        allow_origins=(StringMatch(exact="https://a.example.com"), StringMatch(prefix="")),
        allow_methods=("GET", "POST"),
        allow_headers=("x-a", "x-b"),
        max_age=timedelta(hours=1),
        allow_credentials=True,
        forward_unmatched=False,
    )
    assert route_config(cors)[1] == {
        "filterEnabled": {"defaultValue": {"numerator": 1_000_000, "denominator": "MILLION"}},
        "allowOriginStringMatch": [{"exact": "https://a.example.com"}, {"safeRegex": {"regex": ".*"}}],
        "allowMethods": "GET,POST",
        "allowHeaders": "x-a,x-b",
        "maxAge": "3600",
        "allowCredentials": True,
        "forwardNotMatchingPreflights": False,
    }
