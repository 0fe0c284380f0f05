"""Plan a gateway: the servers of the Gateways that it opens, and the services behind them."""

from __future__ import annotations

from pilot.ir.proxy import ProxyPart, ProxyPlan
from pilot.memo import Memo
from pilot.mesh.clusters.outbound import plan_upstreams
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import ListenerScope, OutboundScope, ProxyScope
from pilot.mesh.gateway.listeners import plan_gateway_listeners
from pilot.mesh.gateway.routes import plan_gateway_routes


def plan_gateway(context: PushContext, scope: ProxyScope, memo: Memo) -> ProxyPlan:
    """All that gateways of ``scope`` are to receive."""
    return ProxyPlan(
        (
            memo.now(plan_servers, context, scope.listeners, memo),
            memo.now(plan_upstreams, context, scope.outbound, memo),
            memo.now(plan_server_routes, context, scope.outbound, memo),
        )
    )


def plan_servers(context: PushContext, scope: ListenerScope, memo: Memo) -> ProxyPart:
    """The ports that are open."""
    return ProxyPart(listeners=plan_gateway_listeners(context, scope, memo))


def plan_server_routes(context: PushContext, scope: OutboundScope, memo: Memo) -> ProxyPart:
    """The routes of HTTP servers."""
    return ProxyPart(routes=plan_gateway_routes(context, scope, memo))
