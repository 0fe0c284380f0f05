"""Plan what a proxy checks of requests and connections: from the policies that are attached to its workload."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from citadel.access.jwt import InlineKeys, RemoteKeys
from citadel.policy.authorization.filters import plan_rbac
from citadel.policy.external_authorization import plan_custom
from citadel.policy.request_authentication import inline_keys, key_source, plan_jwt
from galley.frozen import FrozenMap, frozen
from galley.kinds.security.authorization_policy import AuthorizationAction, AuthorizationPolicy
from galley.kinds.security.request_authentication import JwtRule, RequestAuthentication
from galley.meta import Resource
from pilot.ir.attached_filters import NO_ATTACHED_FILTERS, AttachedFilters
from pilot.memo import Memo
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import NO_SERVERS, AccessServers, AttachedKeys
from pilot.mesh.naming import BLACK_HOLE_CLUSTER

KeysBySource = FrozenMap[str, str]
"""Key sets that were fetched, by where from."""

_FETCH_TIMEOUT = timedelta(seconds=5)


@frozen
class AccessInputs:
    """All that the access filters of a proxy are made from."""

    policies: tuple[Resource[AuthorizationPolicy], ...] = ()
    tokens: tuple[Resource[RequestAuthentication], ...] = ()
    servers: AccessServers = NO_SERVERS
    keys: KeysBySource = FrozenMap()
    trust_domains: tuple[str, ...] = ()
    gateway: bool = False
    reports_denials: bool = False


def plan_access(
    context: PushContext, attached: AttachedKeys, servers: AccessServers, memo: Memo, *, gateway: bool = False
) -> AttachedFilters:
    """The filters for a workload, or for a gateway. Where mesh and workload have no identities policies count all the
    same: nobody has a principal then."""
    policies = context.attached_to(attached, AuthorizationPolicy)
    tokens = context.attached_to(attached, RequestAuthentication)
    if not policies and not tokens:
        return NO_ATTACHED_FILTERS
    inputs = AccessInputs(
        policies=policies,
        tokens=tokens,
        servers=servers,
        keys=_keys_of(context, tokens),
        trust_domains=_trust_domains(context),
        gateway=gateway,
        reports_denials=context.reports_denials,
    )
    return memo(plan_access_filters, inputs)


def plan_access_filters(inputs: AccessInputs) -> AttachedFilters:
    """External authorization first, then tokens, then the rules about who may do what (Istio's order)."""
    custom = tuple(one for one in inputs.policies if one.spec.action is AuthorizationAction.CUSTOM)
    domains = inputs.trust_domains
    tokens = plan_jwt(inputs.tokens, lambda rule: _keys(rule, inputs), clear_route_cache=inputs.gateway)
    return AttachedFilters(
        http=(
            *plan_custom(custom, inputs.servers.authorization, http=True, trust_domains=domains),
            *((tokens,) if tokens is not None else ()),
            *plan_rbac(inputs.policies, http=True, trust_domains=domains),
        ),
        network=(
            *plan_custom(custom, inputs.servers.authorization, http=False, trust_domains=domains),
            *plan_rbac(inputs.policies, http=False, trust_domains=domains),
        ),
        origins=(*(one.key for one in inputs.policies), *(one.key for one in inputs.tokens)),
        reports_denials=inputs.reports_denials,
    )


def _keys(rule: JwtRule, inputs: AccessInputs) -> InlineKeys | RemoteKeys:
    """The rule's own keys, else those that were fetched, else those that the proxy fetches itself, else none.

    Envoy takes no empty key set. One that is to be fetched through a cluster without endpoints cannot be had, and so
    every token of the issuer is refused, as it must be (tried with Envoy 1.40: 401, "Jwks remote fetch is failed").
    """
    source = key_source(rule)
    if source is None:
        return inline_keys(rule) or RemoteKeys(rule.issuer, BLACK_HOLE_CLUSTER, _FETCH_TIMEOUT)
    if source.uri in inputs.keys:
        return InlineKeys(inputs.keys[source.uri])
    cluster = inputs.servers.key_clusters.get(source.uri)
    if cluster is None:
        return RemoteKeys(source.uri, BLACK_HOLE_CLUSTER, _FETCH_TIMEOUT)
    return RemoteKeys(source.uri, cluster, rule.timeout or _FETCH_TIMEOUT)


def _keys_of(context: PushContext, tokens: Iterable[Resource[RequestAuthentication]]) -> KeysBySource:
    sources = [key_source(rule) for policy in tokens for rule in policy.spec.jwt_rules]
    known, fetcher = context.key_sets, context.key_fetcher
    wanted = [source for source in sources if source is not None and not fetcher.leaves_to_envoys(source)]
    return FrozenMap({source.uri: known[source] for source in wanted if source in known})


def _trust_domains(context: PushContext) -> tuple[str, ...]:
    if context.mtls is not None:
        return context.mtls.trust_domains
    return tuple(dict.fromkeys((context.mesh.trust_domain, *context.mesh.trust_domain_aliases)))
