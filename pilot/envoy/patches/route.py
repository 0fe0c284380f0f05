"""Patches of route configurations, virtual hosts and routes."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from envoy_data_plane.envoy.config.route.v3 import RouteConfiguration, VirtualHost

from envoycodec.merge import rewritten
from envoycodec.upb import decode_upb
from galley.kinds.networking.envoy_filter import ApplyTo, PatchContext, PatchOperation, RouteAction, VirtualHostMatch
from pilot.envoy.patches.patch import Patch, Patches, apply_to_list

_GATEWAY = re.compile(
    r"https?\.(?P<port>\d+)(?:\.(?P<port_name>[^.]+)\.(?P<gateway>[^.]+)\.(?P<namespace>[^.]+))?(?:\..*)?"
)
_ACTIONS = {
    RouteAction.ROUTE: "route",
    RouteAction.REDIRECT: "redirect",
    RouteAction.DIRECT_RESPONSE: "direct_response",
}


def patches_of_routes(name: str, patches: Patches, side: PatchContext = PatchContext.SIDECAR_OUTBOUND) -> Patches:
    """Those of ``patches`` that may change the route configuration ``name`` or what is in it."""
    return tuple(patch for patch in patches if patch.is_for(side) and _matches_configuration(patch, name))


def _matches_configuration(patch: Patch, name: str) -> bool:
    wanted = patch.match.route_configuration
    if wanted is None:
        return True
    gateway = _GATEWAY.fullmatch(name)
    if gateway is None:
        number = name.split("|")[1] if name.startswith("inbound|") else name
        port = int(number) if number.isdecimal() else 0
        return wanted.port_number in (0, port) and wanted.name in ("", name)
    named = f"{gateway['namespace']}/{gateway['gateway']}" if gateway["gateway"] else ""
    return (
        (not wanted.port_number or int(gateway["port"]) in patch.ports)
        and wanted.port_name in ("", gateway["port_name"])
        and wanted.gateway in ("", named)
        and wanted.name in ("", name)
    )


def of_kind(patches: Patches, apply_to: ApplyTo) -> Patches:
    """Those of ``patches`` that change one kind of thing."""
    return tuple(patch for patch in patches if patch.apply_to is apply_to)


def added_virtual_hosts(patches: Patches) -> list[bytes]:
    """The encoded virtual hosts that ``patches`` add."""
    hosts = of_kind(patches, ApplyTo.VIRTUAL_HOST)
    return [patch.value for patch in hosts if patch.operation is PatchOperation.ADD]


def patches_of_virtual_host(name: str, domains: tuple[str, ...], patches: Patches) -> Patches:
    """Those of ``patches`` that change this virtual host, or routes in it."""
    return tuple(
        patch
        for patch in patches
        if patch.apply_to is ApplyTo.HTTP_ROUTE
        or (patch.apply_to is ApplyTo.VIRTUAL_HOST and patch.operation is not PatchOperation.ADD)
        if _matches_host(_host_match(patch), name, domains)
    )


def _host_match(patch: Patch) -> VirtualHostMatch | None:
    wanted = patch.match.route_configuration
    return wanted.vhost if wanted is not None else None


def _matches_host(wanted: VirtualHostMatch | None, name: str, domains: tuple[str, ...]) -> bool:
    if wanted is None:
        return True
    return wanted.name in ("", name) and (not wanted.domain_name or wanted.domain_name in domains)


def patched_virtual_host(payload: bytes, patches: Patches) -> bytes | None:
    """An encoded virtual host with ``patches``, all of which match it; None when one removes it."""
    message = _patch_host(decode_upb(VirtualHost, payload), patches)
    return message.SerializeToString(deterministic=True) if message is not None else None


def _patch_host(message: Any, patches: Patches) -> Any | None:
    for patch in of_kind(patches, ApplyTo.VIRTUAL_HOST):
        if patch.operation is PatchOperation.REMOVE:
            return None
        if patch.operation is PatchOperation.REPLACE:
            message = patch.message()
        elif patch.operation.merges:
            patch.merge_into(message)
    routes = of_kind(patches, ApplyTo.HTTP_ROUTE)
    if routes:
        rewritten(message.routes, _patched_routes(list(message.routes), routes))
    return message


def _patched_routes(routes: list[Any], patches: Patches) -> list[Any]:
    """Merges and removals come first, then what is added is placed by the routes that are left, as in istiod."""
    for patch in patches:
        if patch.operation.merges:
            for route in (one for one in routes if _matches_route(patch, one)):
                patch.merge_into(route)
        elif patch.operation is PatchOperation.REMOVE:
            routes = [route for route in routes if not _matches_route(patch, route)]
    for patch in patches:
        if not patch.operation.merges and patch.operation is not PatchOperation.REMOVE:
            host = _host_match(patch)
            named = host is not None and host.route is not None
            routes = apply_to_list(routes, patch, partial(_matches_route, patch), is_named=named)
    return routes


def _matches_route(patch: Patch, route: Any) -> bool:
    host = _host_match(patch)
    wanted = host.route if host is not None else None
    if wanted is None:
        return True
    action = _ACTIONS.get(wanted.action)
    return wanted.name in ("", route.name) and (action is None or route.WhichOneof("action") == action)


def patched_options(payload: bytes, patches: Patches) -> bytes:
    """The encoded fields of a route configuration besides its virtual hosts, with what ``patches`` merge into it."""
    merging = [patch for patch in of_kind(patches, ApplyTo.ROUTE_CONFIGURATION) if patch.operation.merges]
    if not merging:
        return payload
    message = decode_upb(RouteConfiguration, payload)
    for patch in merging:
        patch.merge_into(message)
    encoded: bytes = message.SerializeToString(deterministic=True)
    return encoded


def patch_inline(message: Any, patches: Patches) -> None:
    """Change a route configuration that is part of a listener."""
    matching = patches_of_routes(message.name, patches, PatchContext.SIDECAR_INBOUND)
    if not matching:
        return
    for patch in of_kind(matching, ApplyTo.ROUTE_CONFIGURATION):
        if patch.operation.merges:
            patch.merge_into(message)
    hosts = []
    for host in message.virtual_hosts:
        patched = _patch_host(host, patches_of_virtual_host(host.name, tuple(host.domains), matching))
        if patched is not None:
            hosts.append(patched)
    hosts += [decode_upb(VirtualHost, added) for added in added_virtual_hosts(matching)]
    rewritten(message.virtual_hosts, hosts)
