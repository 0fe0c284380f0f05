"""Network filters: one renderer each, found by the type of its plan.

The small ones are here; a filter with much to say has a module of its own beside this one.
"""

from __future__ import annotations

from typing import assert_never

import betterproto2
from envoy_data_plane.envoy.config.core.v3 import DataSource, SubstitutionFormatString
from envoy_data_plane.envoy.config.listener.v3 import Filter
from envoy_data_plane.envoy.extensions.filters.common.set_filter_state.v3 import FilterStateValue
from envoy_data_plane.envoy.extensions.filters.network.set_filter_state.v3 import Config
from envoy_data_plane.envoy.extensions.filters.network.tcp_proxy.v3 import (
    TcpProxy,
    TcpProxyWeightedCluster,
    TcpProxyWeightedClusterClusterWeight,
)
from envoy_data_plane.envoy.type.v3 import HashPolicy, HashPolicySourceIp

from citadel.access.ext_authz import ExtAuthzPlan
from citadel.access.rbac import RbacPlan
from envoycodec.construct import maker
from envoycodec.encode import pack
from pilot.envoy.filters.access_log import render_access_logs
from pilot.envoy.filters.http_connection_manager import HTTP_CONNECTION_MANAGER, render_http_connection_manager
from pilot.ir.network_filters import HttpConnectionPlan, NetworkFilterPlan, TcpProxyPlan, UpstreamAlpnPlan

_filter = maker(Filter)
_config = maker(Config)
_value = maker(FilterStateValue)
_format = maker(SubstitutionFormatString)
_data_source = maker(DataSource)
_tcp_proxy = maker(TcpProxy)
_weighted_cluster = maker(TcpProxyWeightedCluster)
_cluster_weight = maker(TcpProxyWeightedClusterClusterWeight)

_hash_policy = maker(HashPolicy)
_source_ip = maker(HashPolicySourceIp)

_SET_FILTER_STATE = "envoy.filters.network.set_filter_state"
_APPLICATION_PROTOCOLS = "envoy.network.application_protocols"
"""The object in a connection's state that Envoy's TLS client looks for."""
_TCP_PROXY = "envoy.filters.network.tcp_proxy"


def render_network_filter(plan: NetworkFilterPlan) -> Filter:
    """The filter as it stands in a filter chain."""
    match plan:
        case ExtAuthzPlan() | RbacPlan():
            from pilot.envoy.filters.access import render_network_access  # noqa: PLC0415 - says itself why

            return _named(*render_network_access(plan))
        case UpstreamAlpnPlan():
            return _named(_SET_FILTER_STATE, _render_upstream_alpn(plan))
        case HttpConnectionPlan():
            return _named(HTTP_CONNECTION_MANAGER, render_http_connection_manager(plan))
        case TcpProxyPlan():
            return _named(_TCP_PROXY, _render_tcp_proxy(plan))
        case _:
            assert_never(plan)


def _named(name: str, config: betterproto2.Message) -> Filter:
    return _filter(name=name, typed_config=pack(config))


def _render_upstream_alpn(plan: UpstreamAlpnPlan) -> Config:
    """The names are put into the state of each new connection."""
    text = _format(text_format_source=_data_source(inline_string=",".join(plan.protocols)))
    return _config(on_new_connection=[_value(object_key=_APPLICATION_PROTOCOLS, format_string=text)])


def _render_tcp_proxy(plan: TcpProxyPlan) -> TcpProxy:
    proxy = _tcp_proxy(
        stat_prefix=plan.stat_prefix,
        idle_timeout=plan.idle_timeout,
        max_downstream_connection_duration=plan.max_connection_duration,
        hash_policy=[_hash_policy(source_ip=_source_ip())] if plan.hash_source_ip else [],
        access_log=render_access_logs(plan.access_log, denials=plan.reports_denials, http=False),
    )
    if len(plan.clusters) == 1:
        proxy.cluster = plan.clusters[0].cluster
    else:
        weights = [_cluster_weight(name=target.cluster, weight=target.weight) for target in plan.clusters]
        proxy.weighted_clusters = _weighted_cluster(clusters=weights)
    return proxy
