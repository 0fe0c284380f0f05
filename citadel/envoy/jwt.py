"""The filter that verifies tokens of requests (JWT)."""

from __future__ import annotations

from datetime import timedelta

from envoy_data_plane.envoy.config.core.v3 import DataSource, HttpUri
from envoy_data_plane.envoy.config.route.v3 import RouteMatch
from envoy_data_plane.envoy.extensions.filters.http.jwt_authn.v3 import (
    JwtAuthentication,
    JwtClaimToHeader,
    JwtHeader,
    JwtProvider,
    JwtProviderNormalizePayload,
    JwtRequirement,
    JwtRequirementAndList,
    JwtRequirementOrList,
    RemoteJwks,
    RequirementRule,
)
from envoy_data_plane.google.protobuf import Empty

from citadel.access.jwt import InlineKeys, JwtPlan, JwtProviderPlan
from envoycodec.construct import maker

_authentication = maker(JwtAuthentication)
_provider = maker(JwtProvider)
_normalize = maker(JwtProviderNormalizePayload)
_header = maker(JwtHeader)
_claim_to_header = maker(JwtClaimToHeader)
_data_source = maker(DataSource)
_remote_jwks = maker(RemoteJwks)
_http_uri = maker(HttpUri)
_rule = maker(RequirementRule)
_route_match = maker(RouteMatch)
_requirement = maker(JwtRequirement)
_any_of = maker(JwtRequirementOrList)
_all_of = maker(JwtRequirementAndList)
_empty = maker(Empty)

PAYLOAD = "payload"
"""Where the claims are left for policies and routes, in the filter's metadata (Istio's)."""
_CACHE_DURATION = timedelta(minutes=5)


def render_jwt(plan: JwtPlan) -> JwtAuthentication:
    """The filter. It demands nothing: a request without a token passes, and policies decide about it."""
    names = [f"origins-{index}" for index in range(len(plan.providers))]
    return _authentication(
        providers={name: _render_provider(one) for name, one in zip(names, plan.providers, strict=True)},
        rules=[_rule(match=_route_match(prefix="/"), requires=_render_requirement(names))],
        bypass_cors_preflight=True,
    )


def _render_requirement(names: list[str]) -> JwtRequirement:
    """One good token, or none at all.

    Providers usually look at one place, so a token that is good for one is an error for the others: any good one
    suffices, and only where no provider finds a token does the last alternative let the request pass (Istio).
    """
    accepted = [_requirement(provider_name=name) for name in names]
    optional = [_one_of([_requirement(provider_name=name), _requirement(allow_missing=_empty())]) for name in names]
    if len(names) == 1:
        return optional[0]
    return _one_of([*accepted, _requirement(requires_all=_all_of(requirements=optional))])


def _one_of(requirements: list[JwtRequirement]) -> JwtRequirement:
    return _requirement(requires_any=_any_of(requirements=requirements))


def _render_provider(plan: JwtProviderPlan) -> JwtProvider:
    keys = plan.keys
    return _provider(
        issuer=plan.issuer,
        audiences=list(plan.audiences),
        local_jwks=_data_source(inline_string=keys.jwks) if isinstance(keys, InlineKeys) else None,
        remote_jwks=None
        if isinstance(keys, InlineKeys)
        else _remote_jwks(
            http_uri=_http_uri(uri=keys.uri, cluster=keys.cluster, timeout=keys.timeout),
            cache_duration=_CACHE_DURATION,
        ),
        forward=plan.forward,
        from_headers=[_header(name=header.name, value_prefix=header.prefix) for header in plan.from_headers],
        from_params=list(plan.from_params),
        from_cookies=list(plan.from_cookies),
        forward_payload_header=plan.payload_header,
        payload_in_metadata=PAYLOAD,
        normalize_payload_in_metadata=_normalize(space_delimited_claims=list(plan.space_delimited_claims)),
        claim_to_headers=[_claim_to_header(header_name=name, claim_name=claim) for name, claim in plan.claim_headers],
        clear_route_cache=plan.clear_route_cache,
    )
