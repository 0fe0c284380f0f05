from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from galley.kinds.mesh_config import ForwardClientCertDetails, NormalizationType
from pilot.envoy.filters.http_connection_manager import render_http_connection_manager
from pilot.ir.http_filters import GrpcStatsPlan, RouterPlan
from pilot.ir.network_filters import AccessLogPlan, HttpConnectionPlan, HttpConnectionSettings
from pilot.ir.route import RouteConfigPlan
from tests.rendered import as_json


def rendered(**traits: Any) -> dict[str, Any]:
    traits = {"route_name": "80"} | traits if "route_config" not in traits else traits
    plan = HttpConnectionPlan(stat_prefix="outbound_0.0.0.0_80", **traits)
    return as_json(render_http_connection_manager(plan))


def test_a_sidecars_outbound_manager() -> None:
    manager = rendered()
    assert {key: value for key, value in manager.items() if key != "httpFilters"} == {
        "statPrefix": "outbound_0.0.0.0_80",
        "rds": {
            "configSource": {"ads": {}, "initialFetchTimeout": "0s", "resourceApiVersion": "V3"},
            "routeConfigName": "80",
        },
        "useRemoteAddress": False,
        "normalizePath": True,
        "pathWithEscapedSlashesAction": "KEEP_UNCHANGED",
        "streamIdleTimeout": "0s",
        "upgradeConfigs": [{"upgradeType": "websocket"}],
    }


def test_filters_keep_their_order() -> None:
    found = rendered(filters=(GrpcStatsPlan(), RouterPlan()))["httpFilters"]
    assert [each["name"] for each in found] == ["envoy.filters.http.grpc_stats", "envoy.filters.http.router"]


def test_inline_routes() -> None:
    manager = rendered(route_config=RouteConfigPlan("inbound|80||", ()))
    assert manager["routeConfig"]["name"] == "inbound|80||"
    assert "rds" not in manager


def test_a_gateway() -> None:
    manager = rendered(
        use_remote_address=True,
        xff_num_trusted_hops=2,
        server_name="istio-envoy",
        forward_client_cert=ForwardClientCertDetails.SANITIZE_SET,
    )
    assert manager["useRemoteAddress"] is True
    assert manager["xffNumTrustedHops"] == 2
    assert manager["serverName"] == "istio-envoy"
    assert manager["forwardClientCertDetails"] == "SANITIZE_SET"
    assert manager["setCurrentClientCertDetails"] == {"subject": True, "cert": True, "dns": True, "uri": True}


def test_a_sidecar_appends_no_certificate() -> None:
    manager = rendered(forward_client_cert=ForwardClientCertDetails.APPEND_FORWARD)
    assert manager["setCurrentClientCertDetails"] == {"subject": True, "dns": True, "uri": True}


@pytest.mark.parametrize("details", [None, ForwardClientCertDetails.SANITIZE])
def test_client_certificate_headers_are_dropped_otherwise(details: ForwardClientCertDetails | None) -> None:
    manager = rendered(forward_client_cert=details)
    assert manager.get("forwardClientCertDetails", "SANITIZE") == "SANITIZE"
    assert "setCurrentClientCertDetails" not in manager


def test_protocol_options() -> None:
    manager = rendered(
        allow_absolute_url=True,
        settings=HttpConnectionSettings(accept_http_10=True),
        idle_timeout=timedelta(minutes=1),
    )
    assert manager["httpProtocolOptions"] == {"allowAbsoluteUrl": True, "acceptHttp10": True}
    assert manager["commonHttpProtocolOptions"] == {"idleTimeout": "60s"}


@pytest.mark.parametrize(
    ("kind", "normalize", "merge", "escaped"),
    [
        (NormalizationType.DEFAULT, True, False, "KEEP_UNCHANGED"),
        (NormalizationType.BASE, True, False, "KEEP_UNCHANGED"),
        (NormalizationType.NONE, False, False, "KEEP_UNCHANGED"),
        (NormalizationType.MERGE_SLASHES, True, True, "KEEP_UNCHANGED"),
        (NormalizationType.DECODE_AND_MERGE_SLASHES, True, True, "UNESCAPE_AND_FORWARD"),
    ],
)
def test_paths_are_normalized(kind: NormalizationType, normalize: bool, merge: bool, escaped: str) -> None:
    manager = rendered(settings=HttpConnectionSettings(normalization=kind))
    assert manager["normalizePath"] is normalize
    assert manager.get("mergeSlashes", False) is merge
    assert manager["pathWithEscapedSlashesAction"] == escaped


def test_an_access_log() -> None:
    (log,) = rendered(settings=HttpConnectionSettings(access_log=AccessLogPlan("/dev/stdout")))["accessLog"]
    assert log["name"] == "envoy.access_loggers.stdout"
