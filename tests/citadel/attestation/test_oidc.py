from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jwt
import pytest

from citadel.attestation.oidc import OidcIssuer, build_oidc_issuer, verify_oidc_token
from citadel.identity import BearerToken
from citadel.tokens.claims import read_unverified
from tests.citadel.pki import DOMAIN, NOW, REVIEWS, ec_key, rsa_key

NAME = "https://kubernetes.default.svc"
EC = ec_key()
CLAIMS: dict[str, Any] = {
    "iss": NAME,
    "sub": "system:serviceaccount:default:reviews",
    "aud": ["istio-ca"],
    "exp": int(NOW.timestamp()) + 600,
    "iat": int(NOW.timestamp()),
}


def as_jwk(key: Any, **more: Any) -> dict[str, Any]:
    if hasattr(key, "curve"):
        return {**jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True), **more}
    return {**jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), **more}


def an_issuer(*keys: dict[str, Any]) -> OidcIssuer:
    documents = keys or (as_jwk(rsa_key(), kid="r"), as_jwk(EC, kid="e"))
    return build_oidc_issuer(NAME, json.dumps({"keys": documents}))


def signed(claims: dict[str, Any], *, key: Any = None, algorithm: str = "RS256", kid: str | None = "r") -> BearerToken:
    payload = json.dumps(claims).encode()
    headers = {"kid": kid} if kid is not None else {}
    return BearerToken(jwt.PyJWS().encode(payload, key or rsa_key(), algorithm=algorithm, headers=headers))


def verify(bearer: BearerToken, issuer: OidcIssuer | None = None) -> str:
    header, _ = read_unverified(bearer.reveal())
    return str(verify_oidc_token(bearer, header, issuer or an_issuer(), DOMAIN, NOW)[0])


def test_tokens_of_service_accounts() -> None:
    assert verify(signed(CLAIMS)) == str(REVIEWS)
    assert verify(signed(CLAIMS, key=EC, algorithm="ES256", kid="e")) == str(REVIEWS)
    header, _ = read_unverified(signed(CLAIMS).reveal())
    _, expires = verify_oidc_token(signed(CLAIMS), header, an_issuer(), DOMAIN, NOW)
    assert expires.timestamp() == CLAIMS["exp"]


def test_a_single_key_needs_no_key_id() -> None:
    assert verify(signed(CLAIMS, kid=None), an_issuer(as_jwk(rsa_key()))) == str(REVIEWS)


def test_audiences() -> None:
    issuer = replace(an_issuer(), audiences=("mesh", "istio-ca"))
    audience: object
    for audience in ("mesh", ["mesh"], ["other", "istio-ca"]):
        assert verify(signed({**CLAIMS, "aud": audience}), issuer) == str(REVIEWS)
    for audience in ("other", [], None, [["mesh"]], {"mesh": 1}, "mes"):
        with pytest.raises(ValueError, match="another audience"):
            verify(signed({**CLAIMS, "aud": audience}), issuer)


def test_refused_claims() -> None:
    for change in (
        {"exp": int(NOW.timestamp())},
        {"exp": None},
        {"nbf": int(NOW.timestamp()) + 600},
        {"iss": "https://evil.example"},
        {"iss": [NAME]},
        {"sub": "reviews"},
        {"sub": "system:serviceaccount:default:../admin"},
        {"sub": None},
    ):
        with pytest.raises(ValueError, match=r"^it|no service account|no namespace"):
            verify(signed({**CLAIMS, **change}))


def test_refused_signatures() -> None:
    stranger = ec_key()
    secret = "0" * 64
    for bearer in (
        signed(CLAIMS, key=stranger, algorithm="ES256", kid="e"),
        signed(CLAIMS, key=EC, algorithm="ES256", kid="r"),
        signed(CLAIMS, kid="e"),
        signed(CLAIMS, kid="unknown"),
        signed(CLAIMS, kid=""),
        signed(CLAIMS, kid=None),
        BearerToken(jwt.encode(CLAIMS, secret, algorithm="HS256", headers={"kid": "r"})),
        BearerToken(jwt.encode(CLAIMS, "", algorithm="none", headers={"kid": "r"})),
    ):
        with pytest.raises(ValueError, match=r"signature is not accepted|no such key"):
            verify(bearer)


def test_keys_of_other_kinds_are_passed_over() -> None:
    secret = {"kty": "oct", "k": "c2VjcmV0", "kid": "r", "alg": "HS256"}
    for_encryption = as_jwk(rsa_key(), kid="r", use="enc")
    broken = {"kty": "RSA", "n": "!", "e": "AQAB", "kid": "r"}
    issuer = an_issuer(secret, for_encryption, broken, as_jwk(EC, kid="e"))
    assert [kid for kid, _ in issuer.keys] == ["e"]
    for useless in (secret, for_encryption, broken):
        with pytest.raises(ValueError, match="no key of"):
            an_issuer(useless)


@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits")
def test_a_weak_key_verifies_nothing() -> None:
    issuer = an_issuer(as_jwk(rsa_key(1024), kid="w"))
    with pytest.raises(ValueError, match="signature is not accepted"):
        verify(signed(CLAIMS, key=rsa_key(1024), kid="w"), issuer)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": 7}', '{"keys": [7]}', "[" * 100_000])
def test_what_is_no_key_document(text: str) -> None:
    with pytest.raises(ValueError, match="no JWKS document"):
        build_oidc_issuer(NAME, text)


def test_an_issuer_is_named_and_has_an_audience() -> None:
    document = json.dumps({"keys": [as_jwk(EC)]})
    with pytest.raises(ValueError, match="needs a name"):
        build_oidc_issuer("", document)
    with pytest.raises(ValueError, match="audience"):
        build_oidc_issuer(NAME, document, audiences=())
