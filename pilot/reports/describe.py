"""Denials as JSON, with the lines of the user's files behind them: the form of ``/debug/denialz``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from citadel.policy.authorization.filters import is_dry_run
from galley.kinds.security.authorization_policy import AuthorizationAction, AuthorizationPolicy
from galley.kinds.security.request_authentication import RequestAuthentication
from galley.meta import Resource, ResourceKey, origin_at
from pilot.controlplane.mesh_state import MeshState
from pilot.mesh.context.proxy import Proxy
from pilot.mesh.context.scoping import access_keys
from pilot.reports.denial import DecidedBy, Denial, Denials
from pilot.server.fleet import Fleet

MOST_ANSWERED = 1_000


def describe_denials(
    denials: Denials, state: MeshState, fleet: Fleet[Proxy], query: Mapping[str, str]
) -> dict[str, Any]:
    """The denials after the one that ``query`` names as ``since`` (0: all that are remembered), the oldest thousand
    of them; ``count`` is how many there were since the start. Lines are those of the configuration in force now."""
    since = query.get("since", "0")
    after = int(since) if since.isdecimal() and len(since) < 20 else 0
    found = denials.since(after, MOST_ANSWERED)
    return {"count": denials.count, "denials": [_describe(denial, state, fleet) for denial in found]}


def _describe(denial: Denial, state: MeshState, fleet: Fleet[Proxy]) -> dict[str, Any]:
    entry = denial.entry
    policy = denial.policy
    return {
        "number": denial.number,
        "time": entry.time,
        "proxy": denial.proxy,
        "method": entry.method,
        "authority": entry.authority,
        "path": entry.path,
        "code": entry.code,
        "principal": entry.principal,
        "peer": entry.peer,
        "client": entry.client,
        "requestId": entry.request_id,
        "decidedBy": str(denial.decided_by),
        "policy": f"{policy.namespace}/{policy.name}" if policy is not None else "",
        "rule": denial.rule,
        "why": denial.why,
        "details": entry.details,
        "origins": list(_origins(denial, state, fleet)),
    }


def _origins(denial: Denial, state: MeshState, fleet: Fleet[Proxy]) -> Iterator[str]:
    """Where to change what decided: the rule, or every policy that might have said otherwise."""
    config = state.config
    if config is None:
        return
    if denial.policy is not None:
        resource = config.get(denial.policy)
        if resource is not None:
            origin = origin_at(resource, f"spec.rules[{denial.rule}]")
            yield f"{origin} {origin.field}".rstrip()
        return
    for key in _attached(denial, state, fleet):
        resource = config.get(key)
        if resource is not None and _may_decide(resource, denial.decided_by):
            yield str(resource.origin)


def _attached(denial: Denial, state: MeshState, fleet: Fleet[Proxy]) -> tuple[ResourceKey, ...]:
    """The policies that count for the proxy which refused, while it is connected."""
    connection = next(iter(fleet.connections_of(denial.proxy)), None)
    if connection is None or state.generator is None:
        return ()
    attached = access_keys(state.generator.context, connection.proxy)
    kind = RequestAuthentication if denial.decided_by is DecidedBy.TOKEN else AuthorizationPolicy
    return attached.get(kind.__name__, ())


def _may_decide(resource: Resource[Any], decided_by: DecidedBy) -> bool:
    if decided_by is DecidedBy.TOKEN:
        return True
    action = AuthorizationAction.CUSTOM if decided_by is DecidedBy.SERVER else AuthorizationAction.ALLOW
    return resource.spec.action is action and not is_dry_run(resource)
