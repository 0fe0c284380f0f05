from __future__ import annotations

import pytest

from tests.galley.kinds.checks.cases import found, short

RSA = '{"kty": "RSA", "e": "AQAB", "n": "u0mY"}'


def rule(text: str) -> list[str]:
    spec = f"jwtRules: [{text}]"
    return short(found("RequestAuthentication", spec, api_version="security.istio.io/v1"))


@pytest.mark.parametrize(
    "text",
    [
        "{issuer: 'https://a.example'}",
        "{jwksUri: 'https://a.example/keys'}",
        f"{{issuer: a, jwks: '{{\"keys\": [{RSA}]}}', jwksUri: 'https://a.example'}}",
        "{issuer: 'https://a', audiences: [x], fromHeaders: [{name: x, prefix: 'y '}], fromParams: [t]}",
        "{issuer: 'https://a', outputClaimToHeaders: [{header: x-a_b, claim: a.b}], timeout: 2s}",
    ],
)
def test_good_rules(text: str) -> None:
    assert rule(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{audiences: [a]}", "error missing-field spec.jwtRules[0].issuer"),
        ("{issuer: a, jwks: keys}", "error invalid-jwks spec.jwtRules[0].jwks"),
        ("{issuer: a, jwks: '{}'}", "error invalid-jwks spec.jwtRules[0].jwks"),
        ("{issuer: a, jwks: '{\"keys\": []}'}", "warning no-keys spec.jwtRules[0].jwks"),
        ('{issuer: a, jwks: \'{"keys": [{"kty": "x"}]}\'}', "warning no-keys spec.jwtRules[0].jwks"),
        ("{issuer: a}", "warning no-keys spec.jwtRules[0].issuer"),
        ("{issuer: a, jwksUri: a.example/keys}", "error invalid-url spec.jwtRules[0].jwksUri"),
        ("{issuer: a, jwksUri: 'ftp://a.example/keys'}", "error invalid-url spec.jwtRules[0].jwksUri"),
        ("{issuer: a, jwksUri: 'https://a:x/'}", "error invalid-url spec.jwtRules[0].jwksUri"),
        (
            "{issuer: 'https://a', fromHeaders: [{prefix: x}]}",
            "error missing-field spec.jwtRules[0].fromHeaders[0].name",
        ),
        (
            "{issuer: 'https://a', fromHeaders: [{name: a b}]}",
            "error invalid-header spec.jwtRules[0].fromHeaders[0].name",
        ),
        ("{issuer: 'https://a', audiences: ['']}", "error missing-value spec.jwtRules[0].audiences[0]"),
        (
            "{issuer: 'https://a', outputClaimToHeaders: [{header: a b, claim: c}]}",
            "error invalid-header spec.jwtRules[0].outputClaimToHeaders[0].header",
        ),
        (
            "{issuer: 'https://a', outputClaimToHeaders: [{header: a}]}",
            "error missing-field spec.jwtRules[0].outputClaimToHeaders[0].claim",
        ),
    ],
)
def test_bad_rules(text: str, expected: str) -> None:
    assert rule(text) == [expected]
