"""Which tokens a workload accepts, and by which keys."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from citadel.access.jwt import InlineKeys, JwtPlan, RemoteKeys, TokenHeader
from citadel.jwks.key_sets import KeySource
from citadel.policy.request_authentication import inline_keys, key_source, plan_jwt
from galley.decoding.documents import decode_file
from galley.kinds.security.request_authentication import JwtHeader, JwtRule
from galley.meta import Resource
from tests.galley.documents import document

KEY = {"kty": "RSA", "kid": "one", "alg": "RS256", "n": "q" * 342 + "w", "e": "AQAB"}
REMOTE = RemoteKeys("https://a.example/keys", "cluster", timedelta(seconds=5))


def tokens(name: str, *issuers: str) -> Resource[Any]:
    rules = ", ".join(f"{{issuer: '{issuer}', jwksUri: 'https://keys.example'}}" for issuer in issuers)
    text = document("RequestAuthentication", f"jwtRules: [{rules}]", name=name, api_version="security.istio.io/v1")
    (resource,), diagnostics = decode_file(text.encode(), f"{name}.yaml")
    assert [one for one in diagnostics if one.is_error] == []
    return resource


@pytest.mark.parametrize("jwks", ["{}", '{"keys":[]}', "no JSON", '{"keys":[{"kty":"no such"}]}'])
def test_keys_that_an_envoy_cannot_use_are_none(jwks: str) -> None:
    assert inline_keys(JwtRule(issuer="a", jwks=jwks)) is None


def test_keys_in_the_rule_are_used_and_nothing_is_fetched() -> None:
    rule = JwtRule(issuer="a", jwks=json.dumps({"keys": [KEY]}), jwks_uri="https://a.example/keys")
    assert inline_keys(rule) == InlineKeys(rule.jwks)
    assert key_source(rule) is None


def test_keys_are_fetched_from_their_address_else_found_by_their_issuer() -> None:
    assert key_source(JwtRule(issuer="a", jwks_uri="https://a.example/keys")) == KeySource("https://a.example/keys")
    assert key_source(JwtRule(issuer="https://a.example")) == KeySource("https://a.example", is_issuer=True)


def test_rules_of_all_policies_are_in_the_order_of_their_issuers() -> None:
    plan = plan_jwt(
        (tokens("one", "https://b", "https://d"), tokens("two", "https://a", "https://c")), lambda _: REMOTE
    )
    assert isinstance(plan, JwtPlan)
    assert [one.issuer for one in plan.providers] == ["https://a", "https://b", "https://c", "https://d"]
    assert [key.name for key in plan.origins] == ["one", "two"]


def test_policies_without_rules_make_no_filter() -> None:
    assert plan_jwt((), lambda _: REMOTE) is None


def test_what_a_rule_says_is_planned() -> None:
    policy = tokens("one", "https://a")
    rule = JwtRule(
        issuer="https://a",
        audiences=("x",),
        from_headers=(JwtHeader(name="x-token", prefix="T "),),
        from_params=("t",),
        from_cookies=("c",),
        forward_original_token=True,
        output_payload_to_header="x-payload",
    )
    object.__setattr__(policy, "spec", type(policy.spec)(jwt_rules=(rule,)))
    plan = plan_jwt((policy,), lambda _: REMOTE, clear_route_cache=True)
    assert plan is not None
    (provider,) = plan.providers
    assert (provider.audiences, provider.from_params, provider.from_cookies) == (("x",), ("t",), ("c",))
    assert provider.from_headers == (TokenHeader("x-token", "T "),)
    assert (provider.forward, provider.payload_header, provider.clear_route_cache) == (True, "x-payload", True)
    assert {"scope", "permission"} <= set(provider.space_delimited_claims)
