"""HTTP filters: which renderer each has, in a connection manager and on a route."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import assert_never

import betterproto2
from envoy_data_plane.envoy.extensions.filters.http.router.v3 import Router
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any as AnyMessage

from envoycodec.construct import maker
from envoycodec.encode import pack
from pilot.envoy.filters.http.cors import CORS, render_cors, render_route_cors
from pilot.envoy.filters.http.fault import FAULT, render_fault, render_route_fault
from pilot.envoy.filters.http.grpc import GRPC_STATS, GRPC_WEB, render_grpc_stats, render_grpc_web
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

ROUTER = "envoy.filters.http.router"


# The same few stand in every connection manager.
@lru_cache(maxsize=256)
def render_http_filter(plan: HttpFilterPlan) -> HttpFilter:
    """The filter as it stands in a connection manager."""
    match plan:
        case GrpcWebPlan():
            return _named(GRPC_WEB, render_grpc_web())
        case GrpcStatsPlan():
            return _named(GRPC_STATS, render_grpc_stats())
        case FaultPlan():
            return _named(FAULT, render_fault())
        case CorsPlan():
            return _named(CORS, render_cors())
        case RouterPlan():
            return _named(ROUTER, _router())
        case _:
            assert_never(plan)


def render_route_filters(plans: Iterable[RouteFilterPlan]) -> dict[str, AnyMessage]:
    """``typed_per_filter_config`` of a route: its settings by the names of the filters that they are for."""
    return {name: pack(config) for name, config in map(_render_route_filter, plans)}


def _render_route_filter(plan: RouteFilterPlan) -> tuple[str, betterproto2.Message]:
    match plan:
        case RouteFaultPlan():
            return FAULT, render_route_fault(plan)
        case RouteCorsPlan():
            return CORS, render_route_cors(plan)
        case _:
            assert_never(plan)


def _named(name: str, config: betterproto2.Message) -> HttpFilter:
    return _http_filter(name=name, typed_config=pack(config))
