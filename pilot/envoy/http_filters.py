"""HTTP filters: as they stand, empty, in every connection manager, and as routes switch them on."""

from __future__ import annotations

from functools import cache

import betterproto2
from envoy_data_plane.envoy.extensions.filters.common.fault.v3 import FaultDelay
from envoy_data_plane.envoy.extensions.filters.http.cors.v3 import Cors
from envoy_data_plane.envoy.extensions.filters.http.cors.v3 import CorsPolicy as CorsPolicyConfig
from envoy_data_plane.envoy.extensions.filters.http.fault.v3 import FaultAbort, HttpFault
from envoy_data_plane.envoy.extensions.filters.http.grpc_stats.v3 import FilterConfig as GrpcStats
from envoy_data_plane.envoy.extensions.filters.http.grpc_web.v3 import GrpcWeb
from envoy_data_plane.envoy.extensions.filters.http.router.v3 import Router
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from envoy_data_plane.google.protobuf import Any as AnyMessage

from envoycodec.construct import maker
from envoycodec.encode import pack
from galley.kinds.networking.virtual_service import CorsPolicy, UnmatchedPreflights
from galley.kinds.values import StringMatch
from pilot.envoy.fraction import render_fraction, render_runtime_fraction
from pilot.envoy.string_match import render_string_match
from pilot.ir.route import FaultPlan

_http_filter = maker(HttpFilter)
_cors = maker(Cors)
_router = maker(Router)
_grpc_stats = maker(GrpcStats)
_grpc_web = maker(GrpcWeb)
_http_fault = maker(HttpFault)
_fault_delay = maker(FaultDelay)
_fault_abort = maker(FaultAbort)
_cors_policy = maker(CorsPolicyConfig)

FAULT = "envoy.filters.http.fault"
CORS = "envoy.filters.http.cors"


@cache
def grpc_web_filter() -> HttpFilter:
    """Translates gRPC-Web into gRPC."""
    return _filter("envoy.filters.http.grpc_web", _grpc_web())


@cache
def grpc_stats_filter() -> HttpFilter:
    """Counts gRPC messages for access logs; without statistics per method, whose number the client would choose."""
    return _filter("envoy.filters.http.grpc_stats", _grpc_stats(emit_filter_state=True, stats_for_all_methods=False))


@cache
def fault_filter() -> HttpFilter:
    """Injects the faults of the route, and nothing without one."""
    return _filter(FAULT, _http_fault())


@cache
def cors_filter() -> HttpFilter:
    """Applies the CORS policy of the route, and nothing without one."""
    return _filter(CORS, _cors())


@cache
def router_filter() -> HttpFilter:
    """Forwards: always the last filter."""
    return _filter("envoy.filters.http.router", _router())


def _filter(name: str, config: betterproto2.Message) -> HttpFilter:
    return _http_filter(name=name, typed_config=pack(config))


def render_route_filters(fault: FaultPlan | None, cors: CorsPolicy | None) -> dict[str, AnyMessage]:
    """``typed_per_filter_config`` of a route."""
    configs = {}
    if fault is not None:
        configs[FAULT] = pack(_render_fault(fault))
    if cors is not None:
        configs[CORS] = pack(_render_cors(cors))
    return configs


def _render_fault(plan: FaultPlan) -> HttpFault:
    fault = _http_fault()
    if plan.delay:
        fault.delay = _fault_delay(fixed_delay=plan.delay, percentage=render_fraction(plan.delay_percent))
    if plan.abort_grpc_status is not None:
        fault.abort = _fault_abort(grpc_status=plan.abort_grpc_status, percentage=render_fraction(plan.abort_percent))
    elif plan.abort_http_status is not None:
        fault.abort = _fault_abort(http_status=plan.abort_http_status, percentage=render_fraction(plan.abort_percent))
    return fault


def _render_cors(policy: CorsPolicy) -> CorsPolicyConfig:
    origins = policy.allow_origins or tuple(StringMatch(exact=origin) for origin in policy.allow_origin)
    return _cors_policy(
        filter_enabled=render_runtime_fraction(100),
        allow_origin_string_match=[render_string_match(origin) for origin in origins],
        allow_methods=",".join(policy.allow_methods),
        allow_headers=",".join(policy.allow_headers),
        expose_headers=",".join(policy.expose_headers),
        max_age=str(int(policy.max_age.total_seconds())) if policy.max_age is not None else "",
        allow_credentials=policy.allow_credentials,
        forward_not_matching_preflights=policy.unmatched_preflights is not UnmatchedPreflights.IGNORE,
    )
