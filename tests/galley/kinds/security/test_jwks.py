"""Key sets, read as far as it takes to know whether an Envoy will take them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from galley.kinds.security.jwks import parse_key_set

RSA = {"kty": "RSA", "e": "AQAB", "n": "u0mY"}
ED25519 = {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")}
SHARED = {"kty": "oct", "k": "c2VjcmV0"}
_CURVES: list[ec.EllipticCurve] = [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()]
_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def a_point(curve: ec.EllipticCurve) -> dict[str, Any]:
    numbers = ec.generate_private_key(curve).public_key().public_numbers()
    size = (curve.key_size + 7) // 8

    def text(number: int) -> str:
        return base64.urlsafe_b64encode(number.to_bytes(size, "big")).decode().rstrip("=")

    return {"kty": "EC", "crv": _NAMES[curve.name], "x": text(numbers.x), "y": text(numbers.y)}


def usable(*keys: dict[str, Any]) -> int:
    return parse_key_set(json.dumps({"keys": keys})).usable


@pytest.mark.parametrize("text", ["", "keys", "[]", "{}", '{"keys": {}}', '{"keys": [1]}', "[" * 100_000])
def test_what_is_no_key_set(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not (JSON|a key set)"):
        parse_key_set(text)


@pytest.mark.parametrize("key", [RSA, ED25519, SHARED, {**RSA, "alg": "PS256"}, {**RSA, "kid": "a", "use": "sig"}])
def test_keys_that_an_envoy_takes(key: dict[str, Any]) -> None:
    assert usable(key) == 1


@pytest.mark.parametrize("curve", _CURVES, ids=lambda curve: curve.name)
def test_points_of_the_curves_that_envoy_knows(curve: ec.EllipticCurve) -> None:
    point = a_point(curve)
    assert usable(point) == 1
    assert usable({**point, "y": point["x"]}) == 0
    assert usable({**point, "crv": "secp256k1"}) == 0


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"kty": "x"},
        {"kty": 1},
        {**RSA, "alg": "HS256"},
        {**RSA, "n": ""},
        {**RSA, "n": "ü"},
        {**RSA, "n": "u0mY!"},
        {**RSA, "e": None},
        {**RSA, "kid": 7},
        {**ED25519, "crv": "X25519"},
        {**ED25519, "x": "AA"},
        {**SHARED, "alg": "RS256"},
        {**SHARED, "k": ""},
    ],
)
def test_keys_that_an_envoy_does_not_take(key: dict[str, Any]) -> None:
    assert usable(key) == 0


def test_good_keys_count_beside_others() -> None:
    found = parse_key_set(json.dumps({"keys": [RSA, {"kty": "x"}, SHARED]}))
    assert (found.keys, found.usable) == (3, 2)


def test_the_secret_part_of_a_key_pair_is_seen() -> None:
    def has_private(key: dict[str, Any]) -> bool:
        return parse_key_set(json.dumps({"keys": [key]})).has_private

    assert has_private({**RSA, "d": "AQ"})
    assert not has_private(RSA)
    assert not has_private(SHARED)  # a shared key has no other part
