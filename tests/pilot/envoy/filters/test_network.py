from __future__ import annotations

from datetime import timedelta
from typing import Any

from pilot.envoy.filters.network import render_network_filter
from pilot.ir.network_filters import TcpProxyPlan, UpstreamAlpnPlan, WeightedTcpCluster
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
    clusters = tcp_proxy(("a", 20), ("b", 80))["weightedClusters"]["clusters"]
    assert clusters == [{"name": "a", "weight": 20}, {"name": "b", "weight": 80}]


def test_the_names_are_put_into_the_state_of_each_connection() -> None:
    rendered = as_json(render_network_filter(UpstreamAlpnPlan(protocols=("istio-h2", "istio"))))
    assert rendered["name"] == "envoy.filters.network.set_filter_state"
    assert rendered["typedConfig"]["onNewConnection"] == [
        {
            "objectKey": "envoy.network.application_protocols",
            "formatString": {"textFormatSource": {"inlineString": "istio-h2,istio"}},
        }
    ]
