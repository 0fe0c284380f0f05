from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from galley.kinds.http import RegexRewrite
from galley.meta import ResourceKey
from pilot.envoy.route import render_route, render_route_config, render_virtual_host
from pilot.ir.http_filters import RouteFaultPlan
from pilot.ir.route import (
    DirectResponsePlan,
    ForwardPlan,
    HeaderMutationPlan,
    MirrorPlan,
    RedirectPlan,
    RetryPlan,
    RouteConfigPlan,
    RouteMatchPlan,
    RoutePlan,
    VirtualHostPlan,
    WeightedClusterPlan,
)
from tests.rendered import as_json

V1, V2 = "outbound|9080|v1|reviews", "outbound|9080|v2|reviews"


def route(action: Any, **traits: Any) -> dict[str, Any]:
    return as_json(render_route(RoutePlan(match=RouteMatchPlan(), action=action, **traits)))


def forward(*clusters: tuple[str, int], **traits: Any) -> dict[str, Any]:
    shares = tuple(WeightedClusterPlan(cluster=cluster, weight=weight) for cluster, weight in clusters or [(V1, 100)])
    return route(ForwardPlan(clusters=shares, **traits))["route"]  # type: ignore[no-any-return]


def test_a_single_cluster_whatever_its_weight() -> None:
    expected = {"cluster": V1, "timeout": "0s", "maxStreamDuration": {"grpcTimeoutHeaderMax": "0s"}}
    assert forward((V1, 100)) == forward((V1, 0)) == expected


def test_several_clusters_by_weight() -> None:
    action = forward((V1, 80), (V2, 20))
    assert action["weightedClusters"]["clusters"] == [{"name": V1, "weight": 80}, {"name": V2, "weight": 20}]
    assert "cluster" not in action


def test_a_timeout_also_bounds_what_a_grpc_client_asks_for() -> None:
    action = forward(timeout=timedelta(milliseconds=500))
    assert action["timeout"] == "0.500s"
    assert action["maxGrpcTimeout"] == "0.500s"
    assert "maxStreamDuration" not in action, "Envoy would forget the timeout"


def test_an_inbound_route_bounds_grpc_calls_by_their_own_timeout_only() -> None:
    assert forward(max_stream_duration=True)["maxStreamDuration"] == {
        "maxStreamDuration": "0s",
        "grpcTimeoutHeaderMax": "0s",
    }


def test_istios_default_retry_policy() -> None:
    assert forward(retry=RetryPlan())["retryPolicy"] == {
        "retryOn": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
        "numRetries": 2,
        "retryHostPredicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typedConfig": {
                    "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
        "hostSelectionRetryMaxAttempts": "5",
    }


def test_a_retry_policy_of_the_user() -> None:
    policy = forward(
        retry=RetryPlan(
            num_retries=3,
            retry_on="5xx,retriable-status-codes",
            retriable_status_codes=(503,),
            per_try_timeout=timedelta(seconds=2),
            backoff=timedelta(milliseconds=10),
            previous_hosts=False,
            remote_localities=True,
        )
    )["retryPolicy"]
    assert policy["numRetries"] == 3
    assert policy["retryOn"] == "5xx,retriable-status-codes"
    assert policy["retriableStatusCodes"] == [503]
    assert policy["perTryTimeout"] == "2s"
    assert policy["retryBackOff"] == {"baseInterval": "0.010s"}
    assert policy["retryPriority"]["typedConfig"]["updateFrequency"] == 2
    assert "retryHostPredicate" not in policy


def test_rewrites() -> None:
    assert forward(prefix_rewrite="/v2", host_rewrite="b.example.com") == {
        **forward(),
        "prefixRewrite": "/v2",
        "hostRewriteLiteral": "b.example.com",
    }
    regex = forward(regex_rewrite=RegexRewrite(match="/a/(.*)", rewrite=r"/\1"))["regexRewrite"]
    assert regex == {"pattern": {"regex": "/a/(.*)"}, "substitution": r"/\1"}


def test_mirrors() -> None:
    action = forward(mirrors=(MirrorPlan(V2, 12.5),))
    assert action["requestMirrorPolicies"] == [
        {
            "cluster": V2,
            "runtimeFraction": {"defaultValue": {"numerator": 125_000, "denominator": "MILLION"}},
            "traceSampled": False,
            "disableShadowHostSuffixAppend": True,
        }
    ]


def test_header_changes_of_a_route() -> None:
    found = route(
        DirectResponsePlan(200),
        request_headers=HeaderMutationPlan(set=(("x-a", "100%"),), add=(("x-b", "%PROTOCOL%"),), remove=("x-c",)),
        response_headers=HeaderMutationPlan(remove=("server",)),
    )
    assert found["requestHeadersToAdd"] == [
        {"header": {"key": "x-a", "value": "100%%"}, "appendAction": "OVERWRITE_IF_EXISTS_OR_ADD"},
        {"header": {"key": "x-b", "value": "%PROTOCOL%"}},  # APPEND_IF_EXISTS_OR_ADD is 0, and so not written
    ]
    assert found["requestHeadersToRemove"] == ["x-c"]
    assert found["responseHeadersToRemove"] == ["server"]


def test_header_changes_of_a_share() -> None:
    def share(cluster: str) -> WeightedClusterPlan:
        changes = HeaderMutationPlan(set=(("x-version", cluster),))
        return WeightedClusterPlan(cluster, 1, request_headers=changes, host_rewrite=f"{cluster}.example.com")

    of_route = HeaderMutationPlan(set=(("x-route", "a"),))
    single = route(ForwardPlan((share("v1"),)), request_headers=of_route)
    several = route(ForwardPlan((share("v1"), share("v2"))), request_headers=of_route)
    assert [each["header"]["key"] for each in single["requestHeadersToAdd"]] == ["x-route", "x-version"]
    assert single["route"]["hostRewriteLiteral"] == "v1.example.com"
    assert [each["header"]["key"] for each in several["requestHeadersToAdd"]] == ["x-route"]
    second = several["route"]["weightedClusters"]["clusters"][1]
    assert second["requestHeadersToAdd"][0]["header"] == {"key": "x-version", "value": "v2"}
    assert second["hostRewriteLiteral"] == "v2.example.com"


def test_the_routes_own_authority_beats_that_of_its_only_share() -> None:
    share = WeightedClusterPlan(V1, 1, host_rewrite="share.example.com")
    action = route(ForwardPlan((share,), host_rewrite="route.example.com"))["route"]
    assert action["hostRewriteLiteral"] == "route.example.com"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (301, {}),  # MOVED_PERMANENTLY is 0, and so not written
        (302, {"responseCode": "FOUND"}),
        (303, {"responseCode": "SEE_OTHER"}),
        (307, {"responseCode": "TEMPORARY_REDIRECT"}),
        (308, {"responseCode": "PERMANENT_REDIRECT"}),
    ],
)
def test_redirect_codes(code: int, expected: dict[str, Any]) -> None:
    assert route(RedirectPlan(code=code, host="b"))["redirect"] == {"hostRedirect": "b", **expected}


def test_redirects() -> None:
    whole = RedirectPlan(host="b.example.com", path="/new", scheme="https", port=8443)
    assert route(whole)["redirect"] == {
        "hostRedirect": "b.example.com",
        "pathRedirect": "/new",
        "schemeRedirect": "https",
        "portRedirect": 8443,
    }
    assert route(RedirectPlan(prefix="/p"))["redirect"] == {"prefixRewrite": "/p"}
    assert route(RedirectPlan(path=""))["redirect"] == {"pathRedirect": ""}


def test_direct_responses() -> None:
    assert route(DirectResponsePlan(503, b"later"))["directResponse"] == {
        "status": 503,
        "body": {"inlineString": "later"},
    }
    assert route(DirectResponsePlan(200, b"\xff"))["directResponse"]["body"] == {"inlineBytes": "/w=="}
    assert route(DirectResponsePlan(502))["directResponse"] == {"status": 502}


def test_a_route_has_settings_of_its_own_for_filters() -> None:
    found = route(DirectResponsePlan(200), filters=(RouteFaultPlan(abort_http_status=555, abort_percent=100),))
    assert list(found["typedPerFilterConfig"]) == ["envoy.filters.http.fault"]
    assert "typedPerFilterConfig" not in route(DirectResponsePlan(200))


def test_all_routes_of_a_configuration_have_settings_for_filters() -> None:
    config = as_json(render_route_config(RouteConfigPlan("80", (), filters=(RouteFaultPlan(abort_http_status=555),))))
    assert list(config["typedPerFilterConfig"]) == ["envoy.filters.http.fault"]


def test_where_a_route_comes_from() -> None:
    found = route(
        DirectResponsePlan(200),
        name="default",
        decorator="reviews:9080/*",
        rule=ResourceKey("VirtualService", "default", "reviews"),
    )
    assert found["name"] == "default"
    assert found["decorator"] == {"operation": "reviews:9080/*"}
    assert found["metadata"]["filterMetadata"]["istio"] == {
        "config": "/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews"
    }


def test_a_virtual_host() -> None:
    found = as_json(render_virtual_host(VirtualHostPlan("a:80", ("a", "a.default"), (), require_tls=True)))
    assert found == {
        "name": "a:80",
        "domains": ["a", "a.default"],
        "requireTls": "ALL",
        "includeRequestAttemptCount": True,
    }


def test_a_route_configuration() -> None:
    config = as_json(render_route_config(RouteConfigPlan("80", (VirtualHostPlan("a", ("*",), ()),))))
    assert config == {
        "name": "80",
        "virtualHosts": [{"name": "a", "domains": ["*"], "includeRequestAttemptCount": True}],
        "validateClusters": False,
        "maxDirectResponseBodySizeBytes": 1048576,
        "ignorePortInHostMatching": True,
    }
