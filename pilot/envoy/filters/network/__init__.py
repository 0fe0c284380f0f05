"""Network filters: which renderer each has."""

from __future__ import annotations

from typing import assert_never

import betterproto2
from envoy_data_plane.envoy.config.listener.v3 import Filter

from envoycodec.construct import maker
from envoycodec.encode import pack
from pilot.envoy.filters.network.http_connection_manager import HTTP_CONNECTION_MANAGER, render_http_connection_manager
from pilot.envoy.filters.network.tcp_proxy import TCP_PROXY, render_tcp_proxy
from pilot.envoy.filters.network.upstream_alpn import SET_FILTER_STATE, render_upstream_alpn
from pilot.ir.network_filters import HttpConnectionPlan, NetworkFilterPlan, TcpProxyPlan, UpstreamAlpnPlan

_filter = maker(Filter)


def render_network_filter(plan: NetworkFilterPlan) -> Filter:
    """The filter as it stands in a filter chain."""
    match plan:
        case UpstreamAlpnPlan():
            return _named(SET_FILTER_STATE, render_upstream_alpn(plan))
        case HttpConnectionPlan():
            return _named(HTTP_CONNECTION_MANAGER, render_http_connection_manager(plan))
        case TcpProxyPlan():
            return _named(TCP_PROXY, render_tcp_proxy(plan))
        case _:
            assert_never(plan)


def _named(name: str, config: betterproto2.Message) -> Filter:
    return _filter(name=name, typed_config=pack(config))
