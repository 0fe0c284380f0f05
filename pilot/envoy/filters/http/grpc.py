"""The filters for gRPC: translation of gRPC-Web, and statistics."""

from __future__ import annotations

from envoy_data_plane.envoy.extensions.filters.http.grpc_stats.v3 import FilterConfig as GrpcStats
from envoy_data_plane.envoy.extensions.filters.http.grpc_web.v3 import GrpcWeb

from envoycodec.construct import maker

_grpc_web = maker(GrpcWeb)
_grpc_stats = maker(GrpcStats)

GRPC_WEB = "envoy.filters.http.grpc_web"
GRPC_STATS = "envoy.filters.http.grpc_stats"


def render_grpc_web() -> GrpcWeb:
    """Translates gRPC-Web into gRPC; there is nothing to choose."""
    return _grpc_web()


def render_grpc_stats() -> GrpcStats:
    """Counts gRPC messages for access logs; without statistics per method, whose number the client would choose."""
    return _grpc_stats(emit_filter_state=True, stats_for_all_methods=False)
