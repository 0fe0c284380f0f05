"""AuthorizationPolicies with action CUSTOM: an authorization server is asked about what their rules match.

For each server two filters: one that only notes whether a rule matches, and one that asks if so. Whatever keeps a
server from being asked denies what the rules match, so that a mistake in MeshConfig opens nothing (Istio).
"""

from __future__ import annotations

from collections.abc import Mapping

from citadel.access.ext_authz import ExtAuthzPlan, GrpcAuthorizationService, HttpAuthorizationService, RequestBody
from citadel.access.rbac import FilterMetadata, RbacAction, RbacPlan, RbacPolicy, RbacRules, TextMatch, TextMatchKind
from citadel.policy.authorization.filters import build_rules
from citadel.policy.authorization.rules import RuleTarget
from citadel.policy.authorization.texts import text_match
from galley.frozen import frozen
from galley.kinds.extension_provider import ExternalAuthorizationGrpc, ExternalAuthorizationHttp, RequestBodyInCheck
from galley.kinds.security.authorization_policy import AuthorizationPolicy
from galley.meta import Resource

_SHADOW_PREFIX = "istio_ext_authz_"
_POLICY_ID = f"{_SHADOW_PREFIX}shadow_effective_policy_id"
_HTTP_FILTER, _NETWORK_FILTER = "envoy.filters.http.rbac", "envoy.filters.network.rbac"
_TARGETS = {http: RuleTarget(http=http, narrow=False) for http in (True, False)}


@frozen
class AuthorizationServer:
    """A server that can be asked: its provider's settings, the cluster that leads to it, and its host."""

    settings: ExternalAuthorizationHttp | ExternalAuthorizationGrpc
    cluster: str
    host: str


Servers = Mapping[str, AuthorizationServer]
"""The servers that can be asked, by the names of their providers."""


def plan_custom(
    policies: tuple[Resource[AuthorizationPolicy], ...], servers: Servers, *, http: bool, trust_domains: tuple[str, ...]
) -> tuple[RbacPlan | ExtAuthzPlan, ...]:
    """The filters of ``policies``, all with CUSTOM that apply to a workload, in order.

    Policies of several providers at one workload are not enforceable: as in Istio all of them deny then.
    """
    by_provider: dict[str, list[Resource[AuthorizationPolicy]]] = {}
    for policy in policies:
        by_provider.setdefault(policy.spec.provider.name if policy.spec.provider else "", []).append(policy)
    filters: list[RbacPlan | ExtAuthzPlan] = []
    for provider, members in sorted(by_provider.items()):
        server = servers.get(provider) if len(by_provider) == 1 else None
        rules = build_rules(members, RbacAction.DENY, _TARGETS[http], trust_domains, _prefix(provider) + "-")
        if server is None:
            filters.append(RbacPlan(rules=_denying(rules)))
        elif http or isinstance(server.settings, ExternalAuthorizationGrpc):
            filters += (
                RbacPlan(shadow_rules=rules, shadow_prefix=_SHADOW_PREFIX),
                _plan_ext_authz(provider, server, http=http),
            )
        # An HTTP server cannot be asked about an opaque connection; Istio leaves those alone.
    return tuple(filters)


def _prefix(provider: str) -> str:
    return f"istio-ext-authz-{provider}"


def _denying(rules: RbacRules) -> RbacRules:
    def renamed(policy: RbacPolicy) -> RbacPolicy:
        name = f"{policy.name}-deny-due-to-bad-CUSTOM-action"
        return RbacPolicy(name, policy.permissions, policy.principals, policy.origin, policy.path)

    return RbacRules(RbacAction.DENY, tuple(renamed(policy) for policy in rules.policies))


def _plan_ext_authz(provider: str, server: AuthorizationServer, *, http: bool) -> ExtAuthzPlan:
    settings = server.settings
    return ExtAuthzPlan(
        service=_plan_service(server),
        timeout=settings.timeout,
        enabled_by=FilterMetadata(
            _HTTP_FILTER if http else _NETWORK_FILTER,
            (_POLICY_ID,),
            (TextMatch(TextMatchKind.PREFIX, _prefix(provider)),),
            lists=False,
        ),
        fail_open=settings.fail_open,
        status_on_error=int(settings.status_on_error or 0),
        clear_route_cache=settings.clear_route_cache,
        body=_plan_body(settings.include_request_body_in_check),
    )


def _plan_service(server: AuthorizationServer) -> HttpAuthorizationService | GrpcAuthorizationService:
    settings = server.settings
    if isinstance(settings, ExternalAuthorizationGrpc):
        return GrpcAuthorizationService(cluster=server.cluster, authority=server.host)
    return HttpAuthorizationService(
        uri=f"http://{server.host}",
        cluster=server.cluster,
        path_prefix=settings.path_prefix,
        request_headers=_headers(settings.include_request_headers_in_check or settings.include_headers_in_check),
        added_headers=settings.include_additional_headers_in_check,
        upstream_headers=_headers(settings.headers_to_upstream_on_allow),
        allowed_response_headers=_headers(settings.headers_to_downstream_on_allow),
        denied_response_headers=_headers(settings.headers_to_downstream_on_deny),
    )


def _headers(names: tuple[str, ...]) -> tuple[TextMatch, ...]:
    return tuple(text_match(name, ignore_case=True) for name in names)


def _plan_body(body: RequestBodyInCheck | None) -> RequestBody | None:
    if body is None:
        return None
    return RequestBody(body.max_request_bytes, body.allow_partial_message, body.pack_as_bytes)
