"""HTTP protocol options of clusters, which also hold connection limits and what TLS takes from a request."""

from __future__ import annotations

from datetime import timedelta

from envoy_data_plane.envoy.config.core.v3 import (
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    KeepaliveSettings,
    UpstreamHttpProtocolOptions,
)
from envoy_data_plane.envoy.config.core.v3 import HttpProtocolOptions as CommonOptions
from envoy_data_plane.envoy.extensions.upstreams.http.v3 import (
    HttpProtocolOptions,
    HttpProtocolOptionsExplicitHttpConfig,
    HttpProtocolOptionsUseDownstreamHttpConfig,
)

from citadel.ir import UpstreamTls
from envoycodec.construct import maker
from pilot.ir.cluster import ClusterPlan, UpstreamProtocol

_http_protocol_options = maker(HttpProtocolOptions)
_explicit = maker(HttpProtocolOptionsExplicitHttpConfig)
_use_downstream = maker(HttpProtocolOptionsUseDownstreamHttpConfig)
_common_options = maker(CommonOptions)
_upstream_options = maker(UpstreamHttpProtocolOptions)
_http1_options = maker(Http1ProtocolOptions)
_http2_options = maker(Http2ProtocolOptions)
_keepalive = maker(KeepaliveSettings)

HTTP_PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

_KEEPALIVE_TIMEOUT = timedelta(seconds=20)
"""How long a PING may stay unanswered when the rule does not say; Envoy demands a value."""


def render_http_protocol_options(plan: ClusterPlan) -> HttpProtocolOptions | None:
    """None when Envoy's defaults (HTTP/1.1) say it all; otherwise with exactly one protocol, which Envoy demands."""
    common, upstream = _render_common(plan), _render_upstream(plan)
    if plan.protocol is UpstreamProtocol.HTTP1 and common is None and upstream is None:
        return None
    options = _http_protocol_options(common_http_protocol_options=common, upstream_http_protocol_options=upstream)
    match plan.protocol:
        case UpstreamProtocol.HTTP1:
            options.explicit_http_config = _explicit(http_protocol_options=_http1_options())
        case UpstreamProtocol.HTTP2:
            options.explicit_http_config = _explicit(http2_protocol_options=_render_http2(plan))
        case UpstreamProtocol.DOWNSTREAM:
            options.use_downstream_protocol_config = _use_downstream(
                http_protocol_options=_http1_options(), http2_protocol_options=_http2_options()
            )
    return options


def _render_common(plan: ClusterPlan) -> CommonOptions | None:
    limits = (plan.idle_timeout, plan.max_connection_duration, plan.max_requests_per_connection)
    if limits == (None, None, 0):
        return None
    return _common_options(
        idle_timeout=plan.idle_timeout,
        max_connection_duration=plan.max_connection_duration,
        max_requests_per_connection=plan.max_requests_per_connection or None,
    )


def _render_upstream(plan: ClusterPlan) -> UpstreamHttpProtocolOptions | None:
    if not isinstance(plan.tls, UpstreamTls) or not plan.tls.auto_sni:
        return None
    return _upstream_options(auto_sni=True, auto_san_validation=plan.tls.auto_san_validation)


def _render_http2(plan: ClusterPlan) -> Http2ProtocolOptions:
    keepalive = plan.http2_keepalive
    return _http2_options(
        max_concurrent_streams=plan.max_concurrent_streams or None,
        connection_keepalive=_keepalive(interval=keepalive.interval, timeout=keepalive.timeout or _KEEPALIVE_TIMEOUT)
        if keepalive is not None
        else None,
    )
