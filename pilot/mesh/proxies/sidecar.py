"""Plan a sidecar: what its workload serves, and how it reaches everybody else."""

from __future__ import annotations

from pilot.ir.listener import ListenerPlan
from pilot.ir.proxy import ProxyPart, ProxyPlan
from pilot.memo import Memo
from pilot.mesh.clusters.outbound import plan_upstreams
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import InboundScope, ListenerScope, OutboundScope, ProxyScope
from pilot.mesh.inbound.clusters import plan_inbound_clusters
from pilot.mesh.inbound.listeners import plan_inbound_listeners
from pilot.mesh.outbound.dns import plan_dns_listener
from pilot.mesh.outbound.listeners import plan_outbound_listeners
from pilot.mesh.outbound.routes import plan_routes


def plan_sidecar(context: PushContext, scope: ProxyScope, memo: Memo) -> ProxyPlan:
    """All that sidecars of ``scope`` are to receive."""
    assert scope.inbound is not None, "a sidecar has an inbound side"
    return ProxyPlan(
        (
            memo.now(plan_inbound_side, context, scope.inbound, memo),
            memo.now(plan_outbound_side, context, scope.listeners, memo),
            memo.now(plan_upstreams, context, scope.outbound, memo),
            memo.now(plan_sidecar_routes, context, scope.outbound, memo),
        )
    )


def plan_inbound_side(context: PushContext, scope: InboundScope, memo: Memo) -> ProxyPart:
    """Where the workload's peers arrive, and the way from there to the application."""
    return ProxyPart(
        listeners=plan_inbound_listeners(context, scope, memo), clusters=plan_inbound_clusters(context, scope, memo)
    )


def plan_outbound_side(context: PushContext, scope: ListenerScope, memo: Memo) -> ProxyPart:
    """Where the application's connections arrive, and its DNS queries if they are led here."""
    listeners: tuple[ListenerPlan, ...] = plan_outbound_listeners(context, scope, memo)
    if scope.dns_capture:
        listeners += (plan_dns_listener(context, scope, memo),)
    return ProxyPart(listeners=listeners)


def plan_sidecar_routes(context: PushContext, scope: OutboundScope, memo: Memo) -> ProxyPart:
    """The routes of the outbound side."""
    return ProxyPart(routes=plan_routes(context, scope, memo))
