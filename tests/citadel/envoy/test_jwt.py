"""The filter that verifies tokens, as Envoy reads it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from citadel.access.jwt import InlineKeys, JwtPlan, JwtProviderPlan, RemoteKeys, TokenHeader
from citadel.envoy.jwt import render_jwt
from envoycodec.encode import encode
from envoycodec.upb import to_json_dict

KEYS = InlineKeys('{"keys":[]}')


def rendered(*providers: JwtProviderPlan) -> dict[str, Any]:
    message = render_jwt(JwtPlan(providers))
    return to_json_dict("envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication", encode(message))


def test_one_issuer_is_asked_for_and_no_token_passes() -> None:
    (rule,) = rendered(JwtProviderPlan("https://a.example", KEYS))["rules"]
    assert rule["match"] == {"prefix": "/"}
    assert rule["requires"]["requiresAny"]["requirements"] == [{"providerName": "origins-0"}, {"allowMissing": {}}]


def test_of_several_issuers_any_good_token_suffices_and_a_bad_one_is_not_taken_for_none() -> None:
    (rule,) = rendered(JwtProviderPlan("a", KEYS), JwtProviderPlan("b", KEYS))["rules"]
    first, second, none = rule["requires"]["requiresAny"]["requirements"]
    assert (first, second) == ({"providerName": "origins-0"}, {"providerName": "origins-1"})
    assert [
        [set(way) for way in each["requiresAny"]["requirements"]] for each in none["requiresAll"]["requirements"]
    ] == [[{"providerName"}, {"allowMissing"}]] * 2


def test_where_a_token_may_be_and_where_its_claims_go() -> None:
    plan = JwtProviderPlan(
        "a",
        KEYS,
        audiences=("one", "two"),
        from_headers=(TokenHeader("x-token", "Token "),),
        from_params=("token",),
        from_cookies=("session",),
        forward=True,
        payload_header="x-payload",
        claim_headers=(("x-sub", "sub"),),
        space_delimited_claims=("scope",),
    )
    provider = rendered(plan)["providers"]["origins-0"]
    assert provider["localJwks"] == {"inlineString": KEYS.jwks}
    assert provider["audiences"] == ["one", "two"]
    assert provider["fromHeaders"] == [{"name": "x-token", "valuePrefix": "Token "}]
    assert (provider["fromParams"], provider["fromCookies"]) == (["token"], ["session"])
    assert provider["forward"] is True
    assert provider["forwardPayloadHeader"] == "x-payload"
    assert provider["claimToHeaders"] == [{"headerName": "x-sub", "claimName": "sub"}]
    assert provider["normalizePayloadInMetadata"] == {"spaceDelimitedClaims": ["scope"]}
    assert provider["payloadInMetadata"] == "payload"


def test_keys_that_the_proxy_fetches_come_through_a_cluster() -> None:
    keys = RemoteKeys("https://a.example/keys", "outbound|443||a.example", timedelta(seconds=5))
    provider = rendered(JwtProviderPlan("a", keys))["providers"]["origins-0"]
    assert "localJwks" not in provider
    assert provider["remoteJwks"]["httpUri"] == {"uri": keys.uri, "cluster": keys.cluster, "timeout": "5s"}
