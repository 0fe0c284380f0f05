"""TCP proxies: the end of a filter chain that forwards bytes."""

from __future__ import annotations

from envoy_data_plane.envoy.extensions.filters.network.tcp_proxy.v3 import (
    TcpProxy,
    TcpProxyWeightedCluster,
    TcpProxyWeightedClusterClusterWeight,
)

from envoycodec.construct import maker
from pilot.envoy.filters.network.access_log import render_access_logs
from pilot.ir.network_filters import TcpProxyPlan

_tcp_proxy = maker(TcpProxy)
_weighted_cluster = maker(TcpProxyWeightedCluster)
_cluster_weight = maker(TcpProxyWeightedClusterClusterWeight)

TCP_PROXY = "envoy.filters.network.tcp_proxy"
_NOWHERE = "BlackHoleCluster"
"""Istio's cluster without endpoints: a connection to it is closed."""


def render_tcp_proxy(plan: TcpProxyPlan) -> TcpProxy:
    """A TCP proxy to the one cluster, whatever its weight, or to those of several whose weight is above 0."""
    proxy = _tcp_proxy(
        stat_prefix=plan.stat_prefix,
        idle_timeout=plan.idle_timeout,
        max_downstream_connection_duration=plan.max_connection_duration,
        access_log=render_access_logs(plan.access_log),
    )
    targets = plan.clusters if len(plan.clusters) == 1 else tuple(each for each in plan.clusters if each.weight > 0)
    if len(targets) > 1:
        weights = [_cluster_weight(name=target.cluster, weight=target.weight) for target in targets]
        proxy.weighted_clusters = _weighted_cluster(clusters=weights)
    else:
        proxy.cluster = targets[0].cluster if targets else _NOWHERE
    return proxy
