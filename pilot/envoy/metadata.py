"""Istio's metadata on clusters and routes: it says which resource of the user a thing came from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from envoy_data_plane.envoy.config.core.v3 import Metadata
from envoy_data_plane.google.protobuf import ListValue, NullValue, Struct, Value

from envoycodec.construct import maker
from galley.meta import ResourceKey

_metadata = maker(Metadata)
_struct = maker(Struct)
_value = maker(Value)
_list_value = maker(ListValue)

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def render_istio_metadata(entries: Mapping[str, Any]) -> Metadata | None:
    """``entries`` without the empty ones under Istio's namespace ``istio``; None when nothing is left."""
    present = {key: value for key, value in entries.items() if value}
    return render_metadata("istio", present) if present else None


def render_metadata(namespace: str, entries: Mapping[str, Any]) -> Metadata:
    """``entries`` under ``namespace``."""
    return _metadata(filter_metadata={namespace: render_struct(entries)})


def config_path(resource: ResourceKey | None) -> str:
    """The path that Istio's metadata gives a networking resource; "" for None.

    Example: ``/apis/networking.istio.io/v1/namespaces/default/destination-rule/reviews``.
    """
    if resource is None:
        return ""
    kind = _WORD_START.sub("-", resource.kind).lower()
    return f"/apis/networking.istio.io/v1/namespaces/{resource.namespace}/{kind}/{resource.name}"


def render_struct(content: Mapping[str, Any]) -> Struct:
    """A JSON object as a protobuf Struct. TypeError on a value that JSON does not have."""
    return _struct(fields={str(key): _render_value(value) for key, value in content.items()})


def _render_value(value: object) -> Value:
    # bool comes before numbers: True is an int to Python.
    if value is None:
        return _value(null_value=NullValue.NULL_VALUE)
    if isinstance(value, bool):
        return _value(bool_value=value)
    if isinstance(value, int | float):
        return _value(number_value=float(value))
    if isinstance(value, str):
        return _value(string_value=value)
    if isinstance(value, Mapping):
        return _value(struct_value=render_struct(value))
    if isinstance(value, Iterable):
        return _value(list_value=_list_value(values=[_render_value(item) for item in value]))
    raise TypeError(f"{value!r} has no JSON form")
