"""The table of tokens, and how each of them is made: ``tokens.yaml`` tells which."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.e2e.authorization.harness import KEY
from tests.e2e.authorization.table import ISSUER, Json

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


KEYS: dict[str, Key] = {
    "rsa": KEY,
    "rsa2": _rsa(),
    "stranger": _rsa(),
    "ec": ec.generate_private_key(ec.SECP256R1()),
    "ec-stranger": ec.generate_private_key(ec.SECP256R1()),
    "ed": ed25519.Ed25519PrivateKey.generate(),
    "ed-stranger": ed25519.Ed25519PrivateKey.generate(),
}
"""Keys that sign; strangers are not in the key set."""
TRUSTED = {"rsa": "one", "rsa2": "two", "ec": "ec", "ed": "ed"}
"""The keys of the key set with their names."""
_LENGTHS = {"long": 100_000, "medium": 30_000}


def read_tokens() -> list[Json]:
    """All rows of ``tokens.yaml``."""
    groups = yaml.safe_load(Path(__file__).with_name("tables").joinpath("tokens.yaml").read_text())
    return [row for group in groups.values() for row in group]


def key_set_of(names: dict[str, str]) -> str:
    """The public halves of keys, by their ``kid``."""
    return json.dumps({"keys": [{**public_key(name), "kid": kid} for name, kid in names.items()]})


def public_key(name: str) -> Json:
    """A public key as JSON."""
    key: Any = KEYS[name].public_key()
    match KEYS[name]:
        case rsa.RSAPrivateKey():
            made = jwt.algorithms.RSAAlgorithm.to_jwk(key)
        case ec.EllipticCurvePrivateKey():
            made = jwt.algorithms.ECAlgorithm.to_jwk(key)
        case _:
            made = jwt.algorithms.OKPAlgorithm.to_jwk(key)
    return {name: value for name, value in json.loads(made).items() if name != "key_ops"}


def make_token(row: Json) -> str:
    """The token that a row describes."""
    now = int(time.time())
    usual: Json = {"iss": ISSUER, "sub": "alice", "aud": "shop", "tier": "gold", "exp": now + 3600}
    algorithm = row.get("alg", "RS256")
    header = {"alg": algorithm, "typ": "JWT", "kid": "one", **row.get("header", {})}
    if "jwk" in header:
        header["jwk"] = public_key(header["jwk"])
    claims = {**usual, **{name: _value(value, now) for name, value in row.get("claims", {}).items()}}
    head, payload = (_part(json.dumps(_present(each)).encode()) for each in (header, claims))
    signature = _part(_signature(f"{head}.{payload}".encode(), algorithm, row))
    return _mangled(row.get("mangle", ""), head, payload, signature)


def _signature(signed: bytes, algorithm: str, row: Json) -> bytes:
    name = row.get("key", "rsa")
    if algorithm == "none":
        return b""
    if algorithm == "HS256":
        return hmac.digest(_shared_secret(name), signed, hashlib.sha256)
    key: Any = KEYS[name]
    return jwt.get_algorithm_by_name(algorithm).sign(signed, key)


def _shared_secret(name: str) -> bytes:
    """What one may take the trusted public key for."""
    if name == "public-pem":
        return KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return key_set_of(TRUSTED).encode() if name == "public-json" else b""


def _value(value: Any, now: int) -> Any:
    if isinstance(value, str) and value.startswith("now"):
        return now + int(value.removeprefix("now"))
    return "x" * _LENGTHS[value] if isinstance(value, str) and value in _LENGTHS else value


def _present(members: Json) -> Json:
    return {name: value for name, value in members.items() if value is not None}


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _mangled(how: str, header: str, payload: str, signature: str) -> str:
    """The token, or what one gets by such a change to it."""
    root = _part(json.dumps({"iss": ISSUER, "sub": "root", "aud": "shop", "exp": 99999999999}).encode())
    other = "" if how != "signature" else make_token({"claims": {"sub": "bob"}}).rpartition(".")[2]
    parts = {
        "": (header, payload, signature),
        "signature": (header, payload, other),
        "unsigned": (header, payload, ""),
        "payload": (header, root, signature),
        "four": (header, payload, signature, signature),
        "two": (header, payload),
        "padded": (f"{header}=", f"{payload}==", f"{signature}=="),
        "garbage": (_part(b"x"), _part(b"y"), signature),
    }
    return ".".join(parts[how])
