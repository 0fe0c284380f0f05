"""Encoded resources as canonical proto3 JSON, for people and for Envoy's own file formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from envoycodec.upb import to_json_dict
from pilot.xds.resources import (
    CLUSTER,
    ENDPOINT,
    LISTENER,
    ROUTE,
    SECRET,
    EncodedResource,
    ResourceSnapshot,
    TypeUrl,
)

LISTS: Mapping[str, TypeUrl] = {
    "clusters": CLUSTER,
    "endpoints": ENDPOINT,
    "listeners": LISTENER,
    "routes": ROUTE,
    "secrets": SECRET,
}
"""The lists of a dump and the type that each holds."""


def snapshot_as_json(snapshot: ResourceSnapshot) -> dict[str, list[dict[str, Any]]]:
    """The resources of each type, sorted by name, without ``@type``: as in the static resources of a bootstrap."""
    return {name: [_as_object(resource) for resource in snapshot.of(type_url)] for name, type_url in LISTS.items()}


def _as_object(resource: EncodedResource) -> dict[str, Any]:
    packed = to_json_dict("google.protobuf.Any", resource.any)
    return {field: value for field, value in packed.items() if field != "@type"}
