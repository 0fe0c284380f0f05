from __future__ import annotations

from citadel.access.jwt import InlineKeys, JwtPlan, JwtProviderPlan
from citadel.access.rbac import RbacPlan
from pilot.ir.attached_filters import NO_ATTACHED_FILTERS, AttachedFilters
from pilot.ir.http_filters import CorsPlan, FaultPlan, GrpcStatsPlan, GrpcWebPlan, RouterPlan
from pilot.ir.network_filters import HttpConnectionPlan, TcpProxyPlan, UpstreamAlpnPlan, WeightedTcpCluster
from pilot.mesh.filters import plan_filter_chain, plan_http_filters


def test_the_order_of_the_http_filters() -> None:
    order = (GrpcWebPlan(), GrpcStatsPlan(), FaultPlan(), CorsPlan(), RouterPlan())
    assert plan_http_filters(grpc_web=True, attached=NO_ATTACHED_FILTERS) == order
    assert plan_http_filters(grpc_web=False, attached=NO_ATTACHED_FILTERS) == order[1:]


def test_what_is_said_to_upstreams_is_said_before_there_are_any() -> None:
    end = HttpConnectionPlan("80", route_name="80")
    assert plan_filter_chain(end).filters == (end,)
    assert plan_filter_chain(end, upstream_alpn=("h2",)).filters == (UpstreamAlpnPlan(("h2",)), end)


def test_access_is_decided_before_anything_else() -> None:
    tokens, rules = JwtPlan((JwtProviderPlan("https://a.example", InlineKeys("{}")),)), RbacPlan()
    attached = AttachedFilters(http=(tokens, rules), network=(rules,))
    assert plan_http_filters(grpc_web=True, attached=attached)[:3] == (tokens, rules, GrpcWebPlan())
    opaque = TcpProxyPlan("db", (WeightedTcpCluster("db", 1),))
    assert plan_filter_chain(opaque, attached=attached).filters == (rules, opaque)


def test_of_an_http_connection_the_requests_are_decided_about() -> None:
    end = HttpConnectionPlan("80", route_name="80")
    assert plan_filter_chain(end, attached=AttachedFilters(network=(RbacPlan(),))).filters == (end,)
