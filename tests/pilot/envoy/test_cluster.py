from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from citadel.ir import UpstreamTls
from galley.kinds.networking.destination_rule import ConnectionKeepalive, OutlierDetection
from galley.kinds.values import TcpKeepalive
from galley.meta import ResourceKey
from pilot.envoy.cluster import render_cluster
from pilot.envoy.upstream_http import HTTP_PROTOCOL_OPTIONS
from pilot.ir.cluster import (
    CircuitBreakerPlan,
    ClusterPlan,
    DiscoveryType,
    EndpointPlan,
    LbPolicy,
    LoadAssignmentPlan,
    LocalityPlan,
    UpstreamProtocol,
)
from pilot.node.locality import Locality
from tests.rendered import as_json

UNLIMITED = 4294967295
NAME = "outbound|9080|v1|reviews.default.svc.cluster.local"


def rendered(discovery: DiscoveryType = DiscoveryType.EDS, **traits: Any) -> dict[str, Any]:
    return as_json(render_cluster(ClusterPlan(name=NAME, discovery=discovery, **traits)))


def http_options(**traits: Any) -> dict[str, Any]:
    return rendered(**traits)["typedExtensionProtocolOptions"][HTTP_PROTOCOL_OPTIONS]  # type: ignore[no-any-return]


def endpoints(*addresses: str) -> LoadAssignmentPlan:
    group = LocalityPlan(Locality(), tuple(EndpointPlan(address, 80) for address in addresses))
    return LoadAssignmentPlan(NAME, (group,))


def test_an_eds_cluster_with_istios_defaults() -> None:
    assert rendered() == {
        "name": NAME,
        "type": "EDS",
        "edsClusterConfig": {
            "edsConfig": {"ads": {}, "initialFetchTimeout": "0s", "resourceApiVersion": "V3"},
            "serviceName": NAME,
        },
        "connectTimeout": "10s",
        "lbPolicy": "LEAST_REQUEST",
        "circuitBreakers": {
            "thresholds": [
                {
                    "maxConnections": UNLIMITED,
                    "maxPendingRequests": UNLIMITED,
                    "maxRequests": UNLIMITED,
                    "maxRetries": UNLIMITED,
                }
            ]
        },
    }


def test_circuit_breakers() -> None:
    limits = CircuitBreakerPlan(max_connections=1, max_pending_requests=2, max_requests=3, max_retries=0)
    assert rendered(circuit_breakers=limits)["circuitBreakers"]["thresholds"] == [
        {"maxConnections": 1, "maxPendingRequests": 2, "maxRequests": 3, "maxRetries": 0}
    ]


@pytest.mark.parametrize("policy", ["LEAST_REQUEST", "RANDOM"])
def test_load_balancing(policy: str) -> None:
    assert rendered(lb_policy=LbPolicy(policy))["lbPolicy"] == policy


def test_round_robin_is_envoys_default() -> None:
    assert "lbPolicy" not in rendered(lb_policy=LbPolicy.ROUND_ROBIN)


def test_an_original_destination_cluster_provides_its_own_load_balancing() -> None:
    cluster = rendered(
        DiscoveryType.ORIGINAL_DST,
        lb_policy=LbPolicy.CLUSTER_PROVIDED,
        original_dst_port=8080,
        source_addresses=("127.0.0.6", "::6"),
    )
    assert cluster["type"] == "ORIGINAL_DST"
    assert cluster["lbPolicy"] == "CLUSTER_PROVIDED"
    assert cluster["originalDstLbConfig"] == {"upstreamPortOverride": 8080}
    assert cluster["upstreamBindConfig"] == {
        "sourceAddress": {"address": "127.0.0.6", "portValue": 0},
        "extraSourceAddresses": [{"address": {"address": "::6", "portValue": 0}}],
    }
    assert "loadAssignment" not in cluster


def test_a_dns_cluster_carries_its_endpoints() -> None:
    cluster = rendered(
        DiscoveryType.STRICT_DNS, load_assignment=endpoints("example.com"), dns_refresh_rate=timedelta(minutes=1)
    )
    assert cluster["type"] == "STRICT_DNS"
    assert cluster["dnsRefreshRate"] == "60s"
    assert cluster["respectDnsTtl"] is True
    assert cluster["dnsLookupFamily"] == "V4_PREFERRED"
    address = cluster["loadAssignment"]["endpoints"][0]["lbEndpoints"][0]["endpoint"]["address"]
    assert address == {"socketAddress": {"address": "example.com", "portValue": 80}}


def test_a_static_cluster_without_endpoints() -> None:
    cluster = rendered(DiscoveryType.STATIC)  # STATIC is 0, and so not written
    assert cluster.get("type", "STATIC") == "STATIC"
    assert cluster["loadAssignment"] == {"clusterName": NAME}


def test_http1_needs_no_protocol_options() -> None:
    assert "typedExtensionProtocolOptions" not in rendered()


def test_http2_with_its_own_limits() -> None:
    options = http_options(
        protocol=UpstreamProtocol.HTTP2,
        max_concurrent_streams=10,
        http2_keepalive=ConnectionKeepalive(interval=timedelta(seconds=30), timeout=timedelta(seconds=5)),
    )
    assert options["explicitHttpConfig"] == {
        "http2ProtocolOptions": {
            "maxConcurrentStreams": 10,
            "connectionKeepalive": {"interval": "30s", "timeout": "5s"},
        }
    }


def test_the_clients_protocol() -> None:
    options = http_options(protocol=UpstreamProtocol.DOWNSTREAM)
    assert options["useDownstreamProtocolConfig"] == {"httpProtocolOptions": {}, "http2ProtocolOptions": {}}
    assert "explicitHttpConfig" not in options


def test_connection_limits_come_with_a_protocol() -> None:
    options = http_options(
        idle_timeout=timedelta(seconds=5), max_connection_duration=timedelta(minutes=1), max_requests_per_connection=1
    )
    assert options["commonHttpProtocolOptions"] == {
        "idleTimeout": "5s",
        "maxConnectionDuration": "60s",
        "maxRequestsPerConnection": 1,
    }
    assert options["explicitHttpConfig"] == {"httpProtocolOptions": {}}


def test_tls_with_a_fixed_sni() -> None:
    cluster = rendered(tls=UpstreamTls(sni="example.com"))
    assert cluster["transportSocket"]["typedConfig"]["sni"] == "example.com"
    assert "typedExtensionProtocolOptions" not in cluster


def test_tls_that_takes_the_name_from_the_request_verifies_it() -> None:
    assert http_options(tls=UpstreamTls())["upstreamHttpProtocolOptions"] == {
        "autoSni": True,
        "autoSanValidation": True,
    }
    assert http_options(tls=UpstreamTls(subject_alt_names=("a",)))["upstreamHttpProtocolOptions"] == {"autoSni": True}


def test_outlier_detection_of_the_tutorial() -> None:
    cluster = rendered(
        outlier_detection=OutlierDetection(
            consecutive_5xx_errors=1,
            interval=timedelta(seconds=1),
            base_ejection_time=timedelta(minutes=3),
            max_ejection_percent=100,
        )
    )
    assert cluster["outlierDetection"] == {
        "consecutive5xx": 1,
        "enforcingConsecutive5xx": 100,
        "interval": "1s",
        "baseEjectionTime": "180s",
        "maxEjectionPercent": 100,
        "enforcingSuccessRate": 0,
    }
    assert cluster["commonLbConfig"] == {"healthyPanicThreshold": {}}


def test_outlier_detectors_are_switched_off_by_zero() -> None:
    rule = OutlierDetection(consecutive_5xx_errors=0, consecutive_gateway_errors=7, min_health_percent=25)
    cluster = rendered(outlier_detection=rule)
    assert cluster["outlierDetection"] == {
        "enforcingConsecutive5xx": 0,
        "consecutiveGatewayFailure": 7,
        "enforcingConsecutiveGatewayFailure": 100,
        "enforcingSuccessRate": 0,
    }
    assert cluster["commonLbConfig"] == {"healthyPanicThreshold": {"value": 25.0}}


def test_local_origin_failures_count_only_when_they_are_split() -> None:
    split = OutlierDetection(split_external_local_origin_errors=True, consecutive_local_origin_failures=3)
    joined = OutlierDetection(consecutive_local_origin_failures=3)
    assert rendered(outlier_detection=split)["outlierDetection"] == {
        "splitExternalLocalOriginErrors": True,
        "consecutiveLocalOriginFailure": 3,
        "enforcingConsecutiveLocalOriginFailure": 100,
        "enforcingLocalOriginSuccessRate": 0,
        "enforcingSuccessRate": 0,
    }
    assert rendered(outlier_detection=joined)["outlierDetection"] == {"enforcingSuccessRate": 0}


def test_tcp_keepalive_counts_in_seconds() -> None:
    keepalive = TcpKeepalive(probes=3, time=timedelta(minutes=2), interval=timedelta(milliseconds=200))
    assert rendered(tcp_keepalive=keepalive)["upstreamConnectionOptions"] == {
        "tcpKeepalive": {"keepaliveProbes": 3, "keepaliveTime": 120, "keepaliveInterval": 1}
    }


def test_metadata_tells_where_a_cluster_comes_from() -> None:
    cluster = rendered(
        service_host="reviews.default.svc.cluster.local",
        service_namespace="default",
        subset="v1",
        destination_rule=ResourceKey("DestinationRule", "default", "reviews"),
    )
    assert cluster["metadata"]["filterMetadata"]["istio"] == {
        "config": "/apis/networking.istio.io/v1/namespaces/default/destination-rule/reviews",
        "services": [{"host": "reviews.default.svc.cluster.local", "name": "reviews", "namespace": "default"}],
        "subset": "v1",
    }


def test_a_foreign_service_is_called_by_its_host() -> None:
    cluster = rendered(service_host="api.example.com", service_namespace="default")
    assert cluster["metadata"]["filterMetadata"]["istio"]["services"][0]["name"] == "api.example.com"
