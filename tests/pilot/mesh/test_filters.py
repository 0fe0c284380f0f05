from __future__ import annotations

from pilot.ir.http_filters import CorsPlan, FaultPlan, GrpcStatsPlan, GrpcWebPlan, RouterPlan
from pilot.ir.network_filters import HttpConnectionPlan, UpstreamAlpnPlan
from pilot.mesh.filters import plan_filter_chain, plan_http_filters


def test_the_order_of_the_http_filters() -> None:
    order = (GrpcWebPlan(), GrpcStatsPlan(), FaultPlan(), CorsPlan(), RouterPlan())
    assert plan_http_filters(grpc_web=True) == order
    assert plan_http_filters(grpc_web=False) == order[1:]


def test_what_is_said_to_upstreams_is_said_before_there_are_any() -> None:
    end = HttpConnectionPlan("80", route_name="80")
    assert plan_filter_chain(end).filters == (end,)
    assert plan_filter_chain(end, upstream_alpn=("h2",)).filters == (UpstreamAlpnPlan(("h2",)), end)
