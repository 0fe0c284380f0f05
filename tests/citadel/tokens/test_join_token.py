from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import pickle
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest

from citadel.identity import BearerToken, TrustDomain
from citadel.tokens.join_token import JoinToken, sign_join_token, verify_join_token
from citadel.x509 import encode_public_key_pem, generate_private_key
from tests.citadel.pki import DOMAIN, NOW, REVIEWS

KEY = generate_private_key()
PUBLIC = encode_public_key_pem(KEY)
TOKEN = JoinToken(REVIEWS, "0123abcd", NOW, NOW + timedelta(hours=1), one_time=True)
CLAIMS: dict[str, Any] = {
    "iss": "spiffe://cluster.local",
    "sub": "system:serviceaccount:default:reviews",
    "aud": ["istio-ca"],
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 3600,
    "jti": "0123abcd",
    "citadel/once": True,
}


def verify(bearer: BearerToken, *, later: timedelta = timedelta(0)) -> JoinToken:
    return verify_join_token(bearer, PUBLIC, DOMAIN, NOW + later)


def signed(claims: dict[str, Any]) -> BearerToken:
    """Whatever the claims are: the library would not sign some of them as claims."""
    return BearerToken(jwt.PyJWS().encode(json.dumps(claims).encode(), KEY.reveal(), algorithm="ES256"))


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in CLAIMS.items() if key != name}


def assembled(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> BearerToken:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return BearerToken(".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts))


@pytest.mark.parametrize("one_time", [True, False])
def test_what_is_signed_is_read(one_time: bool) -> None:
    token = replace(TOKEN, one_time=one_time)
    assert verify(sign_join_token(token, KEY)) == token


def test_the_claims_are_those_of_kubernetes_and_istio() -> None:
    text = sign_join_token(TOKEN, KEY).reveal()
    assert jwt.decode(text, options={"verify_signature": False}) == CLAIMS
    assert jwt.get_unverified_header(text)["alg"] == "ES256"


def test_the_hand_made_claims_are_accepted_as_they_are() -> None:
    assert verify(signed(CLAIMS)) == TOKEN
    assert verify(signed({**CLAIMS, "aud": "istio-ca"})) == TOKEN
    assert verify(signed({**CLAIMS, "aud": ["other", "istio-ca"], "more": {"a": 1}})) == TOKEN


def test_a_token_expires() -> None:
    bearer = sign_join_token(TOKEN, KEY)
    assert verify(bearer, later=timedelta(seconds=3599)) == TOKEN
    with pytest.raises(ValueError, match="it expired at 2026-06-01T13:00:00Z"):
        verify(bearer, later=timedelta(seconds=3600))


BAD_CLAIMS: dict[str, dict[str, Any]] = {
    "no expiry": without("exp"),
    "expiry as text": {**CLAIMS, "exp": "tomorrow"},
    "expiry as truth": {**CLAIMS, "exp": True},
    "endless expiry": {**CLAIMS, "exp": 1e300},
    "no audience": without("aud"),
    "other audience": {**CLAIMS, "aud": "istio"},
    "audience of objects": {**CLAIMS, "aud": [{"istio-ca": 1}]},
    "no issuer": without("iss"),
    "other issuer": {**CLAIMS, "iss": "spiffe://evil.example"},
    "no subject": without("sub"),
    "user": {**CLAIMS, "sub": "system:user:default:reviews"},
    "subject too short": {**CLAIMS, "sub": "system:serviceaccount:default"},
    "subject too long": {**CLAIMS, "sub": "system:serviceaccount:default:reviews:more"},
    "path in the account": {**CLAIMS, "sub": "system:serviceaccount:default:reviews/../x"},
    "empty account": {**CLAIMS, "sub": "system:serviceaccount:default:"},
    "subject is a list": {**CLAIMS, "sub": ["system", "serviceaccount", "default", "reviews"]},
    "no id": without("jti"),
    "empty id": {**CLAIMS, "jti": ""},
    "id of 1 kB": {**CLAIMS, "jti": "a" * 1024},
    "id is a number": {**CLAIMS, "jti": 7},
    "not said whether once": without("citadel/once"),
    "once as text": {**CLAIMS, "citadel/once": "false"},
    "once as number": {**CLAIMS, "citadel/once": 0},
    "from the future": {**CLAIMS, "iat": int(NOW.timestamp()) + 300},
    "not yet": {**CLAIMS, "nbf": int(NOW.timestamp()) + 300},
    "no time of issue": without("iat"),
}


@pytest.mark.parametrize("name", BAD_CLAIMS)
def test_bad_claims_are_refused_even_with_our_signature(name: str) -> None:
    with pytest.raises(ValueError, match=r"^it|^its|no service account|no namespace"):
        verify(signed(BAD_CLAIMS[name]))


def test_a_signature_of_somebody_else() -> None:
    stranger = generate_private_key()
    for header in ({}, {"jwk": jwt.algorithms.ECAlgorithm.to_jwk(_public(stranger.reveal()), as_dict=True)}):
        forged = BearerToken(jwt.encode(CLAIMS, stranger.reveal(), algorithm="ES256", headers=header))
        with pytest.raises(ValueError, match="signature is not accepted"):
            verify(forged)


def _public(pem: bytes) -> Any:
    return jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).prepare_key(pem).public_key()  # type: ignore[union-attr]


def test_no_signature_and_other_algorithms() -> None:
    secret = "0" * 64
    for bearer in (
        assembled({"alg": "none"}, CLAIMS),
        assembled({"alg": "None"}, CLAIMS),
        assembled({}, CLAIMS),
        assembled({"alg": "ES256"}, CLAIMS),
        assembled({"alg": "ES256", "crit": ["exp"]}, CLAIMS, b"x" * 64),
        assembled({"alg": ["ES256"]}, CLAIMS, b"x" * 64),
        BearerToken(jwt.encode(CLAIMS, secret, algorithm="HS256")),
        BearerToken(""),
        BearerToken("."),
        BearerToken("...."),
        BearerToken("\u00e9.\ud800.x"),
        BearerToken("a" * 100_000),
        BearerToken(sign_join_token(TOKEN, KEY).reveal() + "A"),
        BearerToken(sign_join_token(TOKEN, KEY).reveal()[:-2]),
    ):
        with pytest.raises(ValueError, match=r"\w"):
            verify(bearer)


def test_the_public_key_is_no_shared_secret() -> None:
    """The oldest trick: HS256 with our public key, which everybody may know, as the secret."""
    header, claims = {"alg": "HS256"}, CLAIMS
    head = assembled(header, claims).reveal().rstrip(".")
    mac = hmac.new(PUBLIC, head.encode(), hashlib.sha256).digest()
    with pytest.raises(ValueError, match="signature"):
        verify(assembled(header, claims, mac))


def test_a_changed_claim() -> None:
    header, _, signature = sign_join_token(TOKEN, KEY).reveal().split(".")
    payload = assembled({}, {**CLAIMS, "sub": "system:serviceaccount:default:admin"}).reveal().split(".")[1]
    with pytest.raises(ValueError, match="signature"):
        verify(BearerToken(f"{header}.{payload}.{signature}"))


def test_a_token_of_another_mesh() -> None:
    with pytest.raises(ValueError, match="another trust domain"):
        verify_join_token(sign_join_token(TOKEN, KEY), PUBLIC, TrustDomain("other.example"), NOW)


@pytest.mark.parametrize("life", [timedelta(0), timedelta(seconds=-5), timedelta(days=367)])
def test_impossible_lifetimes(life: timedelta) -> None:
    with pytest.raises(ValueError, match="lives from one second to 366 days"):
        sign_join_token(replace(TOKEN, expires_at=NOW + life), KEY)


def test_a_bearer_token_shows_itself_to_nobody() -> None:
    bearer = sign_join_token(TOKEN, KEY)
    assert f"{bearer} {bearer!r} {[bearer]}" == "BearerToken(redacted) BearerToken(redacted) [BearerToken(redacted)]"
    for attempt in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            attempt(bearer)


def test_refusals_quote_no_token() -> None:
    text = sign_join_token(TOKEN, KEY).reveal()
    for bearer in (BearerToken(text[:-2]), BearerToken(text.replace(".", "", 1)), BearerToken(text + "\n")):
        with pytest.raises(ValueError, match=r"\w") as refusal:
            verify(bearer)
        assert text[:20] not in str(refusal.value)
        assert text[-20:] not in str(refusal.value)
