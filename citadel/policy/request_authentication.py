"""RequestAuthentication: the tokens that a workload accepts, from all policies that apply to it."""

from __future__ import annotations

from collections.abc import Callable

from citadel.access.jwt import InlineKeys, JwtPlan, JwtProviderPlan, RemoteKeys, TokenHeader
from citadel.jwks.key_sets import KeySource
from galley.kinds.security.jwks import parse_key_set
from galley.kinds.security.request_authentication import JwtRule, RequestAuthentication
from galley.meta import Resource

_SPACE_DELIMITED = ("permission", "scope")
"""Claims of OAuth 2.0 that hold a list as one text (RFC 8693, section 4.2)."""

KeysOf = Callable[[JwtRule], InlineKeys | RemoteKeys]
"""Where the keys of a rule come from, or the keys themselves."""


def inline_keys(rule: JwtRule) -> InlineKeys | None:
    """The keys that the rule itself holds; None without any that an Envoy could use."""
    if not rule.jwks:
        return None
    try:
        return InlineKeys(rule.jwks) if parse_key_set(rule.jwks).usable else None
    except ValueError:
        return None


def key_source(rule: JwtRule) -> KeySource | None:
    """Where the keys of the rule are to be fetched; None where it holds them itself."""
    if rule.jwks:
        return None
    return KeySource(rule.jwks_uri) if rule.jwks_uri else KeySource(rule.issuer, is_issuer=True)


def plan_jwt(
    policies: tuple[Resource[RequestAuthentication], ...], keys_of: KeysOf, *, clear_route_cache: bool = False
) -> JwtPlan | None:
    """The filter for ``policies``, all that apply to a workload; None without any rule.

    Rules are in the order of their issuers, as in Istio. ``clear_route_cache`` lets routes depend on claims.
    """
    rules = sorted((rule for policy in policies for rule in policy.spec.jwt_rules), key=lambda rule: rule.issuer)
    if not rules:
        return None
    providers = tuple(_provider(rule, keys_of(rule), clear_route_cache) for rule in rules)
    return JwtPlan(providers=providers, origins=tuple(policy.key for policy in policies if policy.spec.jwt_rules))


def _provider(rule: JwtRule, keys: InlineKeys | RemoteKeys, clear_route_cache: bool) -> JwtProviderPlan:
    return JwtProviderPlan(
        issuer=rule.issuer,
        keys=keys,
        audiences=rule.audiences,
        from_headers=tuple(TokenHeader(header.name, header.prefix) for header in rule.from_headers),
        from_params=rule.from_params,
        from_cookies=rule.from_cookies,
        forward=rule.forward_original_token,
        payload_header=rule.output_payload_to_header,
        claim_headers=tuple((entry.header, entry.claim) for entry in rule.output_claim_to_headers),
        space_delimited_claims=tuple(sorted({*_SPACE_DELIMITED, *rule.space_delimited_claims})),
        clear_route_cache=clear_route_cache,
    )
