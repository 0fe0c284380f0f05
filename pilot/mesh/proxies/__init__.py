"""The planner of a whole proxy: one for each kind, which puts together the planners of its sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pilot.ir.proxy import ProxyPlan
from pilot.memo import Memo
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import ProxyScope
from pilot.mesh.proxies.gateway import plan_gateway
from pilot.mesh.proxies.sidecar import plan_sidecar
from pilot.node.node_id import ProxyKind

_PLANNERS: Mapping[ProxyKind, Callable[[PushContext, ProxyScope, Memo], ProxyPlan]] = {
    ProxyKind.SIDECAR: plan_sidecar,
    ProxyKind.GATEWAY: plan_gateway,
}


def plan_proxy(context: PushContext, scope: ProxyScope, memo: Memo) -> ProxyPlan:
    """All that proxies of ``scope`` are to receive. Scopes that have something in common share the parts, as the same
    objects, that depend on it alone."""
    return _PLANNERS[scope.kind](context, scope, memo)
