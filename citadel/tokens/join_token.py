"""Join tokens as values: claims, signed and verified with a key that does nothing else (JWT, ES256)."""

from __future__ import annotations

from datetime import datetime, timedelta

import jwt

from citadel.identity import BearerToken, PrivateKey, SpiffeId, TrustDomain
from citadel.tokens.claims import check_audience, check_times, read_time, verify_signature
from citadel.tokens.service_account import parse_subject, render_subject
from galley.frozen import frozen

AUDIENCE = "istio-ca"
MAX_TTL = timedelta(days=366)
_ALGORITHM = "ES256"
_ONE_TIME = "citadel/once"
_LONGEST_TOKEN_ID = 128


@frozen
class JoinToken:
    """What a join token says. ``token_id`` is unique; who presents a ``one_time`` token first is its only user."""

    identity: SpiffeId
    token_id: str
    issued_at: datetime
    expires_at: datetime
    one_time: bool = False


def issuer_name(trust_domain: TrustDomain) -> str:
    """The ``iss`` of our tokens."""
    return f"spiffe://{trust_domain}"


def sign_join_token(token: JoinToken, key: PrivateKey) -> BearerToken:
    """The token in its compact form. ``key`` is ECDSA on P-256. ValueError for a life that is too long or too short."""
    life = token.expires_at - token.issued_at
    if not timedelta(seconds=1) <= life <= MAX_TTL:
        raise ValueError(f"a token lives from one second to {MAX_TTL.days} days")
    claims = {
        "iss": issuer_name(token.identity.trust_domain),
        "sub": render_subject(token.identity),
        "aud": [AUDIENCE],
        "iat": int(token.issued_at.timestamp()),
        "exp": int(token.expires_at.timestamp()),
        "jti": token.token_id,
        _ONE_TIME: token.one_time,
    }
    return BearerToken(jwt.encode(claims, key.reveal(), algorithm=_ALGORITHM))


def verify_join_token(
    bearer: BearerToken, public_key_pem: bytes, trust_domain: TrustDomain, now: datetime
) -> JoinToken:
    """What a token says that we signed and that is valid at ``now``; whether it was used before is not known here.

    ValueError says what is wrong; that is for our own log, not for its holder.
    """
    claims = verify_signature(bearer.reveal(), public_key_pem, [_ALGORITHM])
    expires_at = check_times(claims, now)
    check_audience(claims, (AUDIENCE,))
    if claims.get("iss") != issuer_name(trust_domain):
        raise ValueError("it is a token of another trust domain")
    issued_at = read_time(claims, "iat")
    match claims.get("jti"), claims.get(_ONE_TIME), issued_at:
        case str(token_id), bool(one_time), datetime() if 0 < len(token_id) <= _LONGEST_TOKEN_ID:
            identity = parse_subject(claims.get("sub"), trust_domain)
            return JoinToken(identity, token_id, issued_at, expires_at, one_time)
    raise ValueError("it lacks a claim")
