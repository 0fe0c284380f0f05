"""The claims of a JWT, checked against a time that is an argument. Only the signature is the library's business."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

MAX_TOKEN_CHARACTERS = 16 * 1024
"""Header values are limited to about as much on the way here."""
_SKEW = timedelta(seconds=60)
"""How far ahead the clock of an issuer may be."""


def read_unverified(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and claims, to choose a key by: nothing in them is proven. ValueError when it is no signed JWT."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise ValueError(f"a token of {len(token)} characters")
    try:
        parts = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as malformed:
        raise ValueError(f"no JWT: {type(malformed).__name__}") from None
    return parts["header"], parts["payload"]


def verify_signature(token: str, key: jwt.PyJWK | bytes, algorithms: Sequence[str]) -> dict[str, Any]:
    """The claims of a token that ``key`` has signed, otherwise unchecked. ValueError for any other."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise ValueError(f"a token of {len(token)} characters")
    try:
        claims: dict[str, Any] = jwt.decode(token, key=key, algorithms=list(algorithms), options=_SIGNATURE_ONLY)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as refusal:
        # The library's texts may quote the token.
        raise ValueError(f"its signature is not accepted: {type(refusal).__name__}") from None
    return claims


def check_times(claims: Mapping[str, Any], now: datetime) -> datetime:
    """When the token expires. ValueError when that has passed, is not said, or the token is not valid yet."""
    expires = read_time(claims, "exp")
    if expires is None:
        raise ValueError("it never expires")
    if now >= expires:
        raise ValueError(f"it expired at {expires:%Y-%m-%dT%H:%M:%SZ}")
    for name in ("nbf", "iat"):
        begins = read_time(claims, name)
        if begins is not None and begins > now + _SKEW:
            raise ValueError(f"it is valid from {begins:%Y-%m-%dT%H:%M:%SZ} on ({name})")
    return expires


def read_time(claims: Mapping[str, Any], name: str) -> datetime | None:
    """A NumericDate (RFC 7519, section 2), None when absent. ValueError when it is no time."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"its {name} is no time")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"its {name} is no time") from None


def check_audience(claims: Mapping[str, Any], accepted: Sequence[str]) -> None:
    """ValueError unless one of the token's audiences is one of ``accepted``."""
    stated = claims.get("aud")
    audiences = [stated] if isinstance(stated, str) else stated
    if not isinstance(audiences, list) or not any(one in accepted for one in audiences if isinstance(one, str)):
        raise ValueError("it is for another audience")


_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    "enforce_minimum_key_length": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
