"""Identity from a token of a configured OIDC issuer, such as the service-account tokens of a Kubernetes cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import jwt

from citadel.identity import BearerToken, SpiffeId, TrustDomain
from citadel.tokens.claims import check_audience, check_times, verify_signature
from citadel.tokens.join_token import AUDIENCE
from citadel.tokens.service_account import parse_subject
from galley.frozen import frozen

# Signatures by public keys only: a key that both sides know would let the one who verifies also sign.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")


@frozen
class OidcIssuer:
    """An issuer whose tokens are believed; made by ``build_oidc_issuer``. ``keys`` pairs key ids with keys."""

    name: str
    keys: tuple[tuple[str, jwt.PyJWK], ...]
    audiences: tuple[str, ...] = (AUDIENCE,)


def build_oidc_issuer(name: str, jwks: str, *, audiences: tuple[str, ...] = (AUDIENCE,)) -> OidcIssuer:
    """An issuer with the keys of its JWKS document, fetched or read by the caller.

    Keys of kinds that are not accepted are passed over; ValueError when none is left, or ``jwks`` is no JWKS.
    """
    if not name or not audiences:
        raise ValueError("an OIDC issuer needs a name (iss) and at least one audience")
    try:
        entries = json.loads(jwks)["keys"]
        keys = tuple(key for entry in entries if (key := _read_key(entry)) is not None)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"the keys of {name} are no JWKS document") from None
    if not keys:
        raise ValueError(f"no key of {name} can be used; RSA keys and EC keys for signatures can")
    return OidcIssuer(name, keys, audiences)


def verify_oidc_token(
    bearer: BearerToken, header: Mapping[str, Any], issuer: OidcIssuer, trust_domain: TrustDomain, now: datetime
) -> tuple[SpiffeId, datetime]:
    """The identity that a token of ``issuer`` proves and when the proof ends. ValueError says what is wrong."""
    claims = verify_signature(bearer.reveal(), _choose_key(issuer, header.get("kid")), _ALGORITHMS)
    expires_at = check_times(claims, now)
    if claims.get("iss") != issuer.name:
        raise ValueError("it is of another issuer")
    check_audience(claims, issuer.audiences)
    return parse_subject(claims.get("sub"), trust_domain), expires_at


def _choose_key(issuer: OidcIssuer, key_id: object) -> jwt.PyJWK:
    candidates = [key for known, key in issuer.keys if known == key_id]
    if key_id is None and len(issuer.keys) == 1:
        return issuer.keys[0][1]
    if len(candidates) != 1 or not key_id:
        raise ValueError(f"{issuer.name} has no such key")
    return candidates[0]


def _read_key(entry: Mapping[str, Any]) -> tuple[str, jwt.PyJWK] | None:
    if entry.get("kty") not in ("RSA", "EC") or entry.get("use", "sig") != "sig":
        return None
    try:
        # Only the public half: a document that leaks private keys gives us nothing to sign with.
        key = jwt.PyJWK({name: value for name, value in entry.items() if name != "d"})
    except (jwt.PyJWTError, ValueError, KeyError, TypeError):
        return None
    return (str(entry.get("kid", "")), key) if key.algorithm_name in _ALGORITHMS else None
