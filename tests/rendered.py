"""Rendered messages as protobuf JSON, in which tests say what they expect."""

from __future__ import annotations

from typing import Any

import betterproto2

from envoycodec.encode import encode
from envoycodec.upb import to_json_dict


def as_json(message: betterproto2.Message) -> dict[str, Any]:
    """The canonical JSON of what Envoy receives: encoded by us, decoded by protobuf."""
    return to_json_dict(type(message), encode(message))
