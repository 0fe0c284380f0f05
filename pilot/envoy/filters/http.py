"""HTTP filters: one renderer each, found by the type of its plan, in a connection manager and on a route.

The small ones are here; a filter with much to say has a module of its own beside this one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import assert_never

import betterproto2
from envoy_data_plane.envoy.extensions.filters.common.fault.v3 import FaultDelay
from envoy_data_plane.envoy.extensions.filters.http.cors.v3 import Cors, CorsPolicy
from envoy_data_plane.envoy.extensions.filters.http.fault.v3 import FaultAbort, HttpFault
from envoy_data_plane.envoy.extensions.filters.http.grpc_stats.v3 import FilterConfig as GrpcStats
from envoy_data_plane.envoy.extensions.filters.http.grpc_web.v3 import GrpcWeb
from envoy_data_plane.envoy.extensions.filters.http.router.v3 import Router
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any as AnyMessage

from citadel.access.ext_authz import ExtAuthzPlan
from citadel.access.jwt import JwtPlan
from citadel.access.rbac import RbacPlan
from envoycodec.construct import maker
from envoycodec.encode import pack
from pilot.envoy.core import render_fraction, render_runtime_fraction, render_string_match
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

_http_filter = maker(HttpFilter)
_router = maker(Router)
_grpc_web = maker(GrpcWeb)
_grpc_stats = maker(GrpcStats)
_http_fault = maker(HttpFault)
_fault_delay = maker(FaultDelay)
_fault_abort = maker(FaultAbort)
_cors = maker(Cors)
_cors_policy = maker(CorsPolicy)

_FAULT = "envoy.filters.http.fault"
_CORS = "envoy.filters.http.cors"


# The same few stand in every connection manager.
@lru_cache(maxsize=256)
def render_http_filter(plan: HttpFilterPlan) -> HttpFilter:
    """The filter as it stands in a connection manager: where a route has its own say, without settings."""
    name, config = _render(plan)
    return _http_filter(name=name, typed_config=pack(config))


def _render(plan: HttpFilterPlan) -> tuple[str, betterproto2.Message]:
    match plan:
        case ExtAuthzPlan() | JwtPlan() | RbacPlan():
            from pilot.envoy.filters.access import render_http_access  # noqa: PLC0415 - says itself why

            return render_http_access(plan)
        case GrpcWebPlan():
            return "envoy.filters.http.grpc_web", _grpc_web()
        case GrpcStatsPlan():
            # Without statistics per method, whose number the client would choose.
            return "envoy.filters.http.grpc_stats", _grpc_stats(emit_filter_state=True, stats_for_all_methods=False)
        case FaultPlan():
            return _FAULT, _http_fault()
        case CorsPlan():
            return _CORS, _cors()
        case RouterPlan():
            return "envoy.filters.http.router", _router()
        case _:
            assert_never(plan)


def render_route_filters(plans: Iterable[RouteFilterPlan]) -> dict[str, AnyMessage]:
    """``typed_per_filter_config`` of a route: its settings by the names of the filters that they are for."""
    return {name: pack(config) for name, config in map(_render_route_filter, plans)}


def _render_route_filter(plan: RouteFilterPlan) -> tuple[str, betterproto2.Message]:
    match plan:
        case RouteFaultPlan():
            return _FAULT, _render_fault(plan)
        case RouteCorsPlan():
            return _CORS, _render_cors(plan)
        case _:
            assert_never(plan)


def _named(name: str, config: betterproto2.Message) -> HttpFilter:
    return _http_filter(name=name, typed_config=pack(config))


def _render_fault(plan: RouteFaultPlan) -> HttpFault:
    fault = _http_fault()
    if plan.delay is not None:
        fault.delay = _fault_delay(fixed_delay=plan.delay, percentage=render_fraction(plan.delay_percent))
    percentage = render_fraction(plan.abort_percent)
    if plan.abort_grpc_status is not None:
        fault.abort = _fault_abort(grpc_status=plan.abort_grpc_status, percentage=percentage)
    if plan.abort_http_status is not None:
        fault.abort = _fault_abort(http_status=plan.abort_http_status, percentage=percentage)
    return fault


def _render_cors(plan: RouteCorsPlan) -> CorsPolicy:
    return _cors_policy(
        filter_enabled=render_runtime_fraction(100),
        allow_origin_string_match=[render_string_match(origin) for origin in plan.allow_origins],
        allow_methods=",".join(plan.allow_methods),
        allow_headers=",".join(plan.allow_headers),
        expose_headers=",".join(plan.expose_headers),
        max_age=str(int(plan.max_age.total_seconds())) if plan.max_age is not None else "",
        allow_credentials=plan.allow_credentials,
        forward_not_matching_preflights=plan.forward_unmatched,
    )
