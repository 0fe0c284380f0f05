"""JSON Web Key Sets (RFC 7517), read as far as it takes to know whether an Envoy will take them.

Envoy refuses a whole listener for a key set without a single usable key, so that must be known before.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from galley.frozen import frozen

_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})
"""Members of a key that are secret (RFC 7518, sections 6.2.2, 6.3.2 and 6.4.1)."""


@frozen
class _Curve:
    """``y² = x³ - 3x + b`` modulo ``p``, with coordinates of ``size`` bytes."""

    size: int
    p: int
    b: int

    def holds(self, x: int, y: int) -> bool:
        return x < self.p and y < self.p and (y * y - (x * x * x - 3 * x + self.b)) % self.p == 0


_CURVES = {
    "P-256": _Curve(
        32,
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    ),
    "P-384": _Curve(
        48,
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
    ),
    "P-521": _Curve(
        66,
        2**521 - 1,
        0x0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
    ),
}
"""The curves of NIST that Envoy knows (FIPS 186-4, appendix D.1.2)."""


@frozen
class KeySet:
    """What is in a key set: how many keys, how many of them Envoy can use, and whether a secret part is among them."""

    keys: int
    usable: int
    has_private: bool = False


def parse_key_set(text: str) -> KeySet:
    """Read a key set. Raises ValueError when it is none; the text says why."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise ValueError('is not a key set, which has a list of keys: {"keys": […]}')
    return KeySet(
        keys=len(keys),
        usable=sum(_is_usable(key) for key in keys),
        has_private=any(_PRIVATE & key.keys() for key in keys if key.get("kty") != "oct"),
    )


def _is_usable(key: dict[str, Any]) -> bool:
    if any(not isinstance(key.get(name, ""), str) for name in ("kty", "kid", "alg", "crv")):
        return False
    match key.get("kty"):
        case "RSA":
            modulus, exponent = _number(key.get("n")), _number(key.get("e"))
            return key.get("alg", "RS").startswith(("RS", "PS")) and modulus > 1 and exponent > 1
        case "EC":
            return _is_point(key)
        case "OKP":
            return key.get("crv") == "Ed25519" and len(_bytes(key.get("x"))) == 32
        case "oct":
            return key.get("alg", "HS").startswith("HS") and bool(_bytes(key.get("k")))
    return False


def _is_point(key: dict[str, Any]) -> bool:
    curve = _CURVES.get(key.get("crv", "P-256"))
    return curve is not None and curve.holds(_number(key.get("x")), _number(key.get("y")))


def _number(value: Any) -> int:
    return int.from_bytes(_bytes(value), "big")


def _bytes(value: Any) -> bytes:
    """Unpadded base64url; nothing where it is something else."""
    if not isinstance(value, str) or not value.isascii() or len(value) > 65536:
        return b""
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
