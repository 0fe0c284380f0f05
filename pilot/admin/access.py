"""Which policies about access reach which connected proxies, and whether those have taken them up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from citadel.policy.authorization.filters import is_dry_run
from galley.kinds.security.authorization_policy import AuthorizationPolicy
from galley.kinds.security.request_authentication import RequestAuthentication
from galley.meta import Resource, ResourceKey
from pilot.controlplane.mesh_state import MeshState
from pilot.mesh.context.proxy import Proxy
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scoping import access_keys
from pilot.server.fleet import Fleet
from pilot.xds.resources import LISTENER, SHORT_NAMES

_KINDS = (AuthorizationPolicy, RequestAuthentication)


def describe_access_policies(state: MeshState, fleet: Fleet[Proxy]) -> Iterator[dict[str, Any]]:
    """Each AuthorizationPolicy and RequestAuthentication as JSON, with the proxies that it reaches, and how far those
    are with their listeners, in which it is enforced; the form of ``/debug/authzz``."""
    if state.generator is None:
        return
    context = state.generator.context
    reached = _reached(context, fleet)
    for kind in _KINDS:
        for policy in sorted(context.config.of(kind), key=lambda one: (one.namespace, one.name)):
            yield {**_describe(policy), "proxies": reached.get(policy.key, [])}


def _reached(context: PushContext, fleet: Fleet[Proxy]) -> dict[ResourceKey, list[dict[str, str]]]:
    connections = [one for one in fleet.connections if not one.proxy.is_agent]
    states = {one["id"]: one["types"] for one in fleet.describe(connections)}
    reached: dict[ResourceKey, list[dict[str, str]]] = {}
    for proxy in sorted({one.proxy.id: one.proxy for one in connections}.values(), key=lambda one: one.id):
        attached = access_keys(context, proxy)
        listeners = states[proxy.id].get(SHORT_NAMES[LISTENER], {}).get("status", "NOT SENT")
        for kind in _KINDS:
            for key in attached.get(kind.__name__, ()):
                reached.setdefault(key, []).append({"id": proxy.id, "listeners": listeners})
    return reached


def _describe(policy: Resource[Any]) -> dict[str, Any]:
    authorizes = isinstance(policy.spec, AuthorizationPolicy)
    return {
        "kind": policy.key.kind,
        "namespace": policy.namespace,
        "name": policy.name,
        "action": str(policy.spec.action) if authorizes else "",
        "dryRun": authorizes and is_dry_run(policy),
        "rules": len(policy.spec.rules if authorizes else policy.spec.jwt_rules),
        "origin": str(policy.origin),
    }
