"""The self-signed authority as bytes: JSON with PEM inside, closed by a hash, so that damage never goes unnoticed."""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import sha256
from typing import Any

from citadel.ca.roots import AuthorityState, RootAuthority, check_state
from citadel.identity import PrivateKey, TrustDomain
from citadel.x509 import decode_private_key, split_certificates

_VERSION = 1


def encode_state(state: AuthorityState) -> bytes:
    """The state with its private keys: for a file that nobody else reads."""
    body = {
        "trustDomain": state.trust_domain.name,
        "active": _encode_authority(state.active),
        "prepared": _encode_authority(state.prepared) if state.prepared else None,
        "retiring": [root.decode() for root in state.retiring],
        "activated": state.activated.isoformat() if state.activated else None,
    }
    document = {"version": _VERSION, "sha256": _hash(body), "authority": body}
    return json.dumps(document, indent=1).encode() + b"\n"


def decode_state(content: bytes) -> AuthorityState:
    """ValueError, which quotes nothing of the content, when it is damaged or does not fit together."""
    try:
        document = json.loads(content)
        version, body = document["version"], document["authority"]
        if version != _VERSION:
            raise ValueError(f"version {int(version)} is not known to this program")
        if document["sha256"] != _hash(body):
            raise ValueError("its content does not match its hash")
        state = _decode_body(body)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("it is cut off or not in its form") from None
    check_state(state)
    return state


def _hash(body: Any) -> str:
    return sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _encode_authority(authority: RootAuthority) -> dict[str, str]:
    return {
        "root": authority.root.decode(),
        "rootKey": authority.root_key.reveal().decode(),
        "intermediate": authority.intermediate.decode(),
        "intermediateKey": authority.intermediate_key.reveal().decode(),
    }


def _decode_body(body: dict[str, Any]) -> AuthorityState:
    return AuthorityState(
        trust_domain=TrustDomain(body["trustDomain"]),
        active=_decode_authority(body["active"]),
        prepared=_decode_authority(body["prepared"]) if body["prepared"] else None,
        retiring=tuple(_decode_certificate(root) for root in body["retiring"]),
        activated=datetime.fromisoformat(body["activated"]) if body["activated"] else None,
    )


def _decode_authority(fields: dict[str, str]) -> RootAuthority:
    return RootAuthority(
        root=_decode_certificate(fields["root"]),
        root_key=_decode_key(fields["rootKey"]),
        intermediate=_decode_certificate(fields["intermediate"]),
        intermediate_key=_decode_key(fields["intermediateKey"]),
    )


def _decode_certificate(pem: str) -> bytes:
    (certificate,) = split_certificates(pem.encode())
    return certificate


def _decode_key(pem: str) -> PrivateKey:
    return decode_private_key(pem.encode())
