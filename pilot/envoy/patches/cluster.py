"""Patches of clusters."""

from __future__ import annotations

from typing import Any

from envoy_data_plane.envoy.config.cluster.v3 import Cluster

from envoycodec.upb import decode_upb
from galley.kinds.networking.envoy_filter import ClusterMatch, PatchContext, PatchOperation
from pilot.envoy.patches.patch import Patch, Patches

_INBOUND = ("inbound|", "InboundPassthroughCluster")


def patches_of_cluster(name: str, services: tuple[str, ...], patches: Patches) -> Patches:
    """Those of ``patches`` that change or remove the cluster ``name``; ``services`` are those that an inbound one is
    for."""
    is_inbound = name.startswith(_INBOUND)
    side = PatchContext.SIDECAR_INBOUND if is_inbound else PatchContext.SIDECAR_OUTBOUND
    return tuple(
        patch
        for patch in patches
        if (patch.operation.merges or patch.operation is PatchOperation.REMOVE)
        and patch.is_for(side)
        and _matches(patch.match.cluster, name, services)
    )


def added_clusters(patches: Patches) -> Patches:
    """Those that add a cluster; one that is for any side is added once."""
    return tuple(patch for patch in patches if patch.operation is PatchOperation.ADD)


def _matches(wanted: ClusterMatch | None, name: str, services: tuple[str, ...]) -> bool:
    if wanted is None:
        return True
    if wanted.name:
        return wanted.name == name
    direction, port, subset, host = parts if len(parts := name.split("|")) == 4 else ("", "", "", "")
    hosts = services if direction == "inbound" and services else (host,)
    return (
        wanted.subset in ("", subset)
        and (not wanted.service or wanted.service in hosts)
        and (not wanted.port_number or str(wanted.port_number) == port)
    )


def patched_cluster(payload: bytes, patches: Patches) -> bytes | None:
    """An encoded cluster with ``patches``, all of which match it; None when one removes it."""
    if any(patch.operation is PatchOperation.REMOVE for patch in patches):
        return None
    message = decode_upb(Cluster, payload)
    for patch in patches:
        if not _merge_socket(message, patch):
            patch.merge_into(message)
    encoded: bytes = message.SerializeToString(deterministic=True)
    return encoded


def _merge_socket(message: Any, patch: Patch) -> bool:
    """Whether a patch of the transport socket is dealt with. Where sockets are matched to endpoints the one of the same
    name is merged; when none has it, there is no place for the patch."""
    value = patch.message()
    if not (message.transport_socket_matches and value.HasField("transport_socket")):
        return patch.merge_socket_into(message)
    for each in message.transport_socket_matches:
        if each.transport_socket.name == value.transport_socket.name:
            return patch.merge_socket_into(each)
    return True
