from __future__ import annotations

from datetime import timedelta
from typing import Any

from pilot.envoy.filters.network import render_network_filter
from pilot.ir.network_filters import TcpProxyPlan, WeightedTcpCluster
from tests.rendered import as_json


def tcp_proxy(*clusters: tuple[str, int], **traits: Any) -> dict[str, Any]:
    shares = tuple(WeightedTcpCluster(cluster, weight) for cluster, weight in clusters)
    network_filter = as_json(render_network_filter(TcpProxyPlan("tcp", shares, **traits)))
    assert network_filter["name"] == "envoy.filters.network.tcp_proxy"
    return {key: value for key, value in network_filter["typedConfig"].items() if key != "@type"}


def test_a_tcp_proxy() -> None:
    proxy = tcp_proxy(("a", 0), idle_timeout=timedelta(seconds=1), max_connection_duration=timedelta(minutes=1))
    assert proxy == {
        "statPrefix": "tcp",
        "cluster": "a",
        "idleTimeout": "1s",
        "maxDownstreamConnectionDuration": "60s",
    }


def test_a_tcp_proxy_by_weight() -> None:
    clusters = tcp_proxy(("a", 20), ("b", 80), ("c", 0))["weightedClusters"]["clusters"]
    assert clusters == [{"name": "a", "weight": 20}, {"name": "b", "weight": 80}]
    assert tcp_proxy(("a", 0), ("b", 80))["cluster"] == "b"


def test_a_tcp_proxy_to_nowhere_closes_the_connection() -> None:
    assert tcp_proxy()["cluster"] == tcp_proxy(("a", 0), ("b", 0))["cluster"] == "BlackHoleCluster"
