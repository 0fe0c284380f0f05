"""Patches of listeners, filter chains and filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpConnectionManager

from envoycodec.merge import merge, merge_any, rewritten
from envoycodec.upb import decode_upb
from galley.kinds.networking.envoy_filter import (
    LISTENER_PARTS,
    ApplyTo,
    FilterMatch,
    ListenerMatch,
    PatchContext,
    PatchOperation,
)
from pilot.envoy.patches.patch import Patch, Patches, apply_to_list
from pilot.envoy.patches.route import of_kind, patch_inline

_VIRTUAL = frozenset({"virtualInbound", "virtualOutbound"})


def patches_of_listener(name: str, port: int, patches: Patches, *, inbound: bool) -> Patches:
    """Those of ``patches`` that may change this listener, or what is in it."""
    side = PatchContext.SIDECAR_INBOUND if inbound else PatchContext.SIDECAR_OUTBOUND
    return tuple(
        patch
        for patch in patches
        if patch.is_for(side)
        and (_matches_listener(patch, name, port) if patch.apply_to in LISTENER_PARTS else inbound)
        and not (patch.apply_to is ApplyTo.LISTENER and patch.operation is PatchOperation.ADD)
    )


def added_listeners(patches: Patches) -> Patches:
    """Those that add a listener; one that is for any side is added once."""
    listeners = of_kind(patches, ApplyTo.LISTENER)
    return tuple(patch for patch in listeners if patch.operation is PatchOperation.ADD)


def _matches_listener(patch: Patch, name: str, port: int) -> bool:
    """The virtual listeners take all ports, so there a port is that of a chain, unless the listener is meant."""
    wanted = patch.match.listener
    if wanted is None:
        return True
    if wanted.name not in ("", name):
        return False
    return wanted.port_number in (0, port) or (patch.apply_to is not ApplyTo.LISTENER and name in _VIRTUAL)


def patched_listener(payload: bytes, patches: Patches) -> bytes | None:
    """An encoded listener with ``patches``, all of which match it; None when nothing is left of it."""
    message = decode_upb(Listener, payload)
    for patch in of_kind(patches, ApplyTo.LISTENER):
        if patch.operation is PatchOperation.REMOVE:
            return None
        if patch.operation.merges:
            patch.merge_into(message)
    _patch_listener_filters(message, of_kind(patches, ApplyTo.LISTENER_FILTER))
    had_chains = bool(message.filter_chains) or message.HasField("default_filter_chain")
    _patch_chains(message, patches)
    if had_chains and not message.filter_chains and not message.HasField("default_filter_chain"):
        return None
    encoded: bytes = message.SerializeToString(deterministic=True)
    return encoded


def _patch_listener_filters(message: Any, patches: Patches) -> None:
    if not patches:
        return
    filters = list(message.listener_filters)
    for patch in patches:
        wanted = _listener_filter_of(patch)
        filters = apply_to_list(filters, patch, _is_named(wanted), is_named=bool(wanted))
    rewritten(message.listener_filters, filters)
    _merge_filters(message.listener_filters, patches, _listener_filter_of)


def _listener_filter_of(patch: Patch) -> str:
    return patch.match.listener.listener_filter if patch.match.listener is not None else ""


def _is_named(wanted: str) -> Callable[[Any], bool]:
    return lambda one: one.name == wanted


def _merge_filters(filters: Any, patches: Patches, name_in: Callable[[Patch], str]) -> None:
    """Merge into filters of any kind: their configurations where these are of one type, and their names."""
    for one in filters:
        for patch in patches:
            if patch.operation.merges and name_in(patch) in ("", one.name):
                _merge_filter(one, patch)


def _merge_filter(one: Any, patch: Patch) -> None:
    value = patch.message()
    if value.HasField("typed_config"):
        same = one.HasField("typed_config")
        if not same or not merge_any(one.typed_config, value.typed_config, replace_lists=patch.replaces_lists):
            return
        value.ClearField("typed_config")
    merge(one, value, replace_lists=patch.replaces_lists)


def _patch_chains(message: Any, patches: Patches) -> None:
    chains = [chain for chain in message.filter_chains if _patch_chain(message.name, chain, patches)]
    if message.HasField("default_filter_chain"):
        default = message.default_filter_chain
        if default.filters and not _patch_chain(message.name, default, patches):
            message.ClearField("default_filter_chain")
    added = [patch for patch in of_kind(patches, ApplyTo.FILTER_CHAIN) if patch.operation is PatchOperation.ADD]
    rewritten(message.filter_chains, [*chains, *(patch.message() for patch in added)])


def _patch_chain(listener: str, chain: Any, patches: Patches) -> bool:
    """Change a chain; whether it is still there."""
    here = tuple(
        patch for patch in patches if patch.apply_to not in LISTENER_PARTS or _matches_chain(patch, listener, chain)
    )
    for patch in of_kind(here, ApplyTo.FILTER_CHAIN):
        if patch.operation is PatchOperation.REMOVE:
            return False
        if patch.operation.merges and not patch.merge_socket_into(chain):
            patch.merge_into(chain)
    _patch_network_filters(chain, of_kind(here, ApplyTo.NETWORK_FILTER))
    http = tuple(patch for patch in here if patch.apply_to not in _OUTSIDE_HTTP)
    if http:
        for one in chain.filters:
            if one.typed_config.type_url.endswith(".HttpConnectionManager"):
                _patch_http(one, http)
    return True


_OUTSIDE_HTTP = LISTENER_PARTS - {ApplyTo.HTTP_FILTER}


def _matches_chain(patch: Patch, listener: str, chain: Any) -> bool:
    wanted, has = patch.match.listener, chain.filter_chain_match
    if wanted is None:
        return True
    if listener in _VIRTUAL and wanted.port_number not in (0, has.destination_port.value):
        return False
    of_chain = wanted.filter_chain
    if of_chain is None:
        return True
    protocols = [one.strip() for one in of_chain.application_protocols.split(",") if one.strip()]
    return (
        of_chain.name in ("", chain.name)
        and (not of_chain.sni or of_chain.sni in has.server_names)
        and of_chain.transport_protocol in ("", has.transport_protocol)
        and set(protocols) <= set(has.application_protocols)
        and of_chain.destination_port in (0, has.destination_port.value)
    )


def _filter_match(wanted: ListenerMatch | None) -> FilterMatch | None:
    return wanted.filter_chain.filter if wanted is not None and wanted.filter_chain is not None else None


def _filter_of(patch: Patch) -> str:
    found = _filter_match(patch.match.listener)
    return found.name if found is not None else ""


def _sub_filter_of(patch: Patch) -> str:
    found = _filter_match(patch.match.listener)
    return found.sub_filter.name if found is not None and found.sub_filter is not None else ""


def _patch_network_filters(chain: Any, patches: Patches) -> None:
    if not patches:
        return
    filters = list(chain.filters)
    for patch in patches:
        wanted = _filter_of(patch)
        filters = apply_to_list(filters, patch, _is_named(wanted), is_named=bool(wanted))
    rewritten(chain.filters, filters)
    _merge_filters(chain.filters, patches, _filter_of)


def _patch_http(network_filter: Any, patches: Patches) -> None:
    """Change the HTTP filters of a connection manager, and routes that it has itself."""
    manager = decode_upb(HttpConnectionManager, network_filter.typed_config.value)
    filters = tuple(
        patch for patch in of_kind(patches, ApplyTo.HTTP_FILTER) if _filter_of(patch) in ("", network_filter.name)
    )
    if filters:
        items = list(manager.http_filters)
        for patch in filters:
            wanted = _sub_filter_of(patch)
            items = apply_to_list(items, patch, _is_named(wanted), is_named=bool(wanted))
        rewritten(manager.http_filters, items)
        _merge_filters(manager.http_filters, filters, _sub_filter_of)
    if manager.HasField("route_config"):
        patch_inline(manager.route_config, tuple(patch for patch in patches if patch.apply_to not in LISTENER_PARTS))
    network_filter.typed_config.value = manager.SerializeToString(deterministic=True)
