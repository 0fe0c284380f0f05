from __future__ import annotations

import pytest

from galley.kinds.mesh_config import ForwardClientCertDetails
from pilot.ir.http_filters import CorsPlan, HttpFilterPlan, RouterPlan
from pilot.ir.network_filters import AccessLogPlan, HttpConnectionPlan, TcpProxyPlan, WeightedTcpCluster
from pilot.ir.route import RouteConfigPlan


@pytest.mark.parametrize("filters", [(), (CorsPlan(),), (RouterPlan(), CorsPlan()), (RouterPlan(), RouterPlan())])
def test_the_router_is_the_last_http_filter(filters: tuple[HttpFilterPlan, ...]) -> None:
    with pytest.raises(ValueError, match="router"):
        HttpConnectionPlan("80", route_name="80", filters=filters)


def test_routes_come_from_one_place() -> None:
    routes = RouteConfigPlan("80", ())
    with pytest.raises(ValueError, match="routes"):
        HttpConnectionPlan("80")
    with pytest.raises(ValueError, match="routes"):
        HttpConnectionPlan("80", route_name="80", route_config=routes)
    assert HttpConnectionPlan("80", route_config=routes).route_name == ""


def test_nothing_is_said_of_client_certificates_by_none() -> None:
    with pytest.raises(ValueError, match="None"):
        HttpConnectionPlan("80", route_name="80", forward_client_cert=ForwardClientCertDetails.UNDEFINED)


def test_a_tcp_proxy_goes_somewhere() -> None:
    one, idle = WeightedTcpCluster("a", 1), WeightedTcpCluster("b", 0)
    assert TcpProxyPlan("a", (one, idle)).clusters == (one,)
    assert TcpProxyPlan("a", (idle,)).clusters == (idle,)
    for nothing in ((), (idle, idle)):
        with pytest.raises(ValueError, match="no cluster"):
            TcpProxyPlan("a", nothing)


@pytest.mark.parametrize("text", ["%PROTOCOL%", "[]", "{}", "1", "{"])
def test_a_json_log_has_an_object_or_istios_default(text: str) -> None:
    assert AccessLogPlan("/log", text, json=True).format == ""
    assert AccessLogPlan("/log", text).format == text
    assert AccessLogPlan("/log", '{"a": "b"}', json=True).format == '{"a": "b"}'


def test_an_access_log_has_a_path() -> None:
    with pytest.raises(ValueError, match="path"):
        AccessLogPlan("")
