"""The filters that ask an authorization server, as Envoy reads them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import betterproto2
import pytest

from citadel.access.ext_authz import ExtAuthzPlan, GrpcAuthorizationService, HttpAuthorizationService, RequestBody
from citadel.access.rbac import FilterMetadata, TextMatch, TextMatchKind
from citadel.envoy.ext_authz import render_http_ext_authz, render_network_ext_authz
from envoycodec.encode import encode, type_url
from envoycodec.upb import to_json_dict
from galley.frozen import FrozenMap

ENABLED = FilterMetadata(
    "envoy.filters.http.rbac", ("id",), (TextMatch(TextMatchKind.PREFIX, "istio-ext-authz-ask"),), lists=False
)
GRPC = ExtAuthzPlan(
    GrpcAuthorizationService("outbound|9000||ask.example", "ask.example"), timedelta(seconds=2), enabled_by=ENABLED
)
HTTP = replace(
    GRPC,
    service=HttpAuthorizationService(
        "http://ask.example",
        "outbound|80||ask.example",
        path_prefix="/check",
        request_headers=(TextMatch(TextMatchKind.EXACT, "x-ask", ignore_case=True),),
        added_headers=FrozenMap({"x-added": "1"}),
        upstream_headers=(TextMatch(TextMatchKind.PREFIX, "x-up-"),),
        denied_response_headers=(TextMatch(TextMatchKind.EXACT, "location"),),
    ),
)


def as_json(message: betterproto2.Message) -> dict[str, Any]:
    return to_json_dict(type_url(message.__class__), encode(message))


def test_it_asks_only_where_a_rule_matched() -> None:
    for made in (as_json(render_http_ext_authz(GRPC)), as_json(render_network_ext_authz(GRPC))):
        enabled = made["filterEnabledMetadata"]
        assert enabled["filter"] == ENABLED.filter
        assert enabled["value"] == {"stringMatch": {"prefix": "istio-ext-authz-ask"}}


def test_a_server_of_envoys_api() -> None:
    made = as_json(render_http_ext_authz(GRPC))
    assert made["grpcService"] == {
        "envoyGrpc": {"clusterName": "outbound|9000||ask.example", "authority": "ask.example"},
        "timeout": "2s",
    }
    assert "failureModeAllow" not in made
    assert "statusOnError" not in made


def test_a_server_that_is_asked_by_http() -> None:
    made = as_json(render_http_ext_authz(HTTP))
    service = made["httpService"]
    assert service["serverUri"] == {"uri": "http://ask.example", "cluster": "outbound|80||ask.example", "timeout": "2s"}
    assert service["pathPrefix"] == "/check"
    assert service["authorizationRequest"] == {"headersToAdd": [{"key": "x-added", "value": "1"}]}
    assert service["authorizationResponse"] == {
        "allowedUpstreamHeaders": {"patterns": [{"prefix": "x-up-"}]},
        "allowedClientHeaders": {"patterns": [{"exact": "location"}]},
    }
    assert made["allowedHeaders"] == {"patterns": [{"exact": "x-ask", "ignoreCase": True}]}


def test_what_happens_when_it_does_not_answer_and_how_much_it_is_shown() -> None:
    plan = replace(GRPC, fail_open=True, status_on_error=503, clear_route_cache=True, body=RequestBody(64, True, True))
    made = as_json(render_http_ext_authz(plan))
    assert (made["failureModeAllow"], made["statusOnError"], made["clearRouteCache"]) == (
        True,
        {"code": "ServiceUnavailable"},
        True,
    )
    assert made["withRequestBody"] == {"maxRequestBytes": 64, "allowPartialMessage": True, "packAsBytes": True}


def test_nobody_can_be_asked_by_http_about_an_opaque_connection() -> None:
    with pytest.raises(TypeError, match="opaque"):
        render_network_ext_authz(HTTP)
