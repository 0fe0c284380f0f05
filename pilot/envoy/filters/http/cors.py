"""The CORS filter: empty where it stands, and the policy that a route brings."""

from __future__ import annotations

from envoy_data_plane.envoy.extensions.filters.http.cors.v3 import Cors, CorsPolicy

from envoycodec.construct import maker
from pilot.envoy.fraction import render_runtime_fraction
from pilot.envoy.string_match import render_string_match
from pilot.ir.http_filters import RouteCorsPlan

_cors = maker(Cors)
_cors_policy = maker(CorsPolicy)

CORS = "envoy.filters.http.cors"


def render_cors() -> Cors:
    """Without a policy: a route brings it."""
    return _cors()


def render_route_cors(plan: RouteCorsPlan) -> CorsPolicy:
    """The CORS policy of a route, for all of its requests."""
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
