"""Istio's metadata on clusters and routes: it says which resource of the user a thing came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from envoy_data_plane.envoy.config.core.v3 import Metadata

from envoycodec.construct import maker
from envoycodec.wellknown import struct
from galley.meta import ResourceKey

_metadata = maker(Metadata)

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def render_istio_metadata(entries: Mapping[str, Any]) -> Metadata | None:
    """``entries`` without the empty ones under Istio's namespace ``istio``; None when nothing is left."""
    present = {key: value for key, value in entries.items() if value}
    return render_metadata("istio", present) if present else None


def render_metadata(namespace: str, entries: Mapping[str, Any]) -> Metadata:
    """``entries`` under ``namespace``."""
    return _metadata(filter_metadata={namespace: struct(entries)})


def config_path(resource: ResourceKey | None) -> str:
    """The path that Istio's metadata gives a networking resource; "" for None.

    Example: ``/apis/networking.istio.io/v1/namespaces/default/destination-rule/reviews``.
    """
    if resource is None:
        return ""
    kind = _WORD_START.sub("-", resource.kind).lower()
    return f"/apis/networking.istio.io/v1/namespaces/{resource.namespace}/{kind}/{resource.name}"
