"""Whatever is secret in a dump taken out of it, in Envoy's own way, whoever made the dump.

A running Envoy redacts keys itself. A file need not come from one.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

PRIVATE_FIELDS = frozenset(
    {"privatekey", "privatekeyprovider", "password", "pkcs12", "sessionticketkeys", "genericsecret"}
)
"""Fields that hold what nobody may see, in lower case and without underscores."""

REDACTED = {"inline_string": "[redacted]"}

_MARK = "PRIVATE KEY-----"
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]{64,}")


def redacted(value: Any, field: str = "") -> Any:
    """``value`` without keys: by the names of fields, and wherever a text has a key in it, encoded or not."""
    if is_private_field(field):
        return value if isinstance(value, dict) and value.keys() == {"filename"} else REDACTED
    if isinstance(value, dict):
        return {name: redacted(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [redacted(item) for item in value]
    return "[redacted]" if isinstance(value, str) and _holds_key(value) else value


def is_private_field(field: str) -> bool:
    """Whether a field, in either of protobuf's spellings, holds a secret."""
    return field.replace("_", "").lower() in PRIVATE_FIELDS


def _holds_key(text: str) -> bool:
    if _MARK in text:
        return True
    if not _BASE64.fullmatch(text):
        return False
    try:
        return _MARK.encode() in base64.b64decode(text)
    except binascii.Error:
        return False
