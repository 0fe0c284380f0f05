"""Encoded resources as canonical proto3 JSON, for people and for Envoy's own file formats."""

from __future__ import annotations

from typing import Any

from envoycodec.upb import to_json_dict
from pilot.config_dump.redaction import is_private_field
from pilot.xds.resources import LISTS, EncodedResource, ResourceSnapshot

_REDACTED = {"inlineString": "[redacted]"}  # as in Envoy's own dump


def snapshot_as_json(snapshot: ResourceSnapshot) -> dict[str, list[dict[str, Any]]]:
    """The resources of each type, sorted by name, without ``@type``: as in the static resources of a bootstrap."""
    return {name: [_as_object(resource) for resource in snapshot.of(type_url)] for name, type_url in LISTS.items()}


def _as_object(resource: EncodedResource) -> dict[str, Any]:
    packed = to_json_dict("google.protobuf.Any", resource.any)
    return {field: _redacted(field, value) for field, value in packed.items() if field != "@type"}


def _redacted(field: str, value: Any) -> Any:
    """``value`` without the keys in it."""
    if is_private_field(field) and not (isinstance(value, dict) and "filename" in value):
        return _REDACTED
    if isinstance(value, dict):
        return {key: _redacted(key, inner) for key, inner in value.items()}
    return [_redacted("", item) for item in value] if isinstance(value, list) else value
