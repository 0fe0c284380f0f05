"""What a workload's policies make of its filters."""

from __future__ import annotations

from citadel.access.ext_authz import ExtAuthzPlan
from citadel.access.jwt import InlineKeys, JwtPlan, RemoteKeys
from citadel.access.rbac import RbacAction, RbacPlan
from citadel.jwks.key_sets import KeyFetcher, KeySource
from pilot.ir.attached_filters import NO_ATTACHED_FILTERS, AttachedFilters
from pilot.memo import Memo
from pilot.mesh.access import plan_access
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scoping import inbound_scope
from pilot.mesh.naming import BLACK_HOLE_CLUSTER
from tests.builders import a_proxy
from tests.pilot.mesh.access_builders import AUTHZ_SERVER, REVIEWS, WORKLOAD, a_context_of, a_mesh, a_policy

ASKING = a_policy(
    "{action: CUSTOM, provider: {name: ask}, rules: [{to: [{operation: {ports: ['9080']}}]}]}", name="ask"
)
GRPC = a_mesh("[{name: ask, envoyExtAuthzGrpc: {service: authz.example, port: 9000}}]")
ISSUER = "https://issuer.example"
TOKENS = a_policy(f"{{jwtRules: [{{issuer: '{ISSUER}', jwksUri: '{ISSUER}/keys'}}]}}", kind="RequestAuthentication")
SOURCE = KeySource(f"{ISSUER}/keys")


def planned(context: PushContext, *, gateway: bool = False) -> AttachedFilters:
    scope = inbound_scope(context, a_proxy())
    return plan_access(context, scope.attached, scope.servers, Memo(), gateway=gateway)


def keys_of(context: PushContext) -> InlineKeys | RemoteKeys:
    (plan,) = planned(context).http
    assert isinstance(plan, JwtPlan)
    return plan.providers[0].keys


def test_without_policies_there_are_no_filters() -> None:
    assert planned(a_context_of(REVIEWS, WORKLOAD)) is NO_ATTACHED_FILTERS


def test_an_authorization_server_is_asked_first_then_tokens_are_read_then_rules_decide() -> None:
    allow = a_policy("{rules: [{}]}", name="allow")
    filters = planned(a_context_of(REVIEWS, WORKLOAD, AUTHZ_SERVER, GRPC, ASKING, TOKENS, allow))
    assert [type(one) for one in filters.http] == [RbacPlan, ExtAuthzPlan, JwtPlan, RbacPlan]
    assert [type(one) for one in filters.network] == [RbacPlan, ExtAuthzPlan, RbacPlan]
    assert {(one.kind, one.name) for one in filters.origins} == {
        ("AuthorizationPolicy", "ask"),
        ("AuthorizationPolicy", "allow"),
        ("RequestAuthentication", "policy"),
    }


def test_policies_count_without_identities_too() -> None:
    (plan,) = planned(a_context_of(REVIEWS, WORKLOAD, a_policy("{}"))).http
    assert isinstance(plan, RbacPlan)
    assert plan.rules is not None
    assert plan.rules.action is RbacAction.ALLOW


def test_keys_that_were_fetched_are_in_the_filter() -> None:
    assert keys_of(a_context_of(REVIEWS, WORKLOAD, TOKENS, key_sets={SOURCE: "keys"})) == InlineKeys("keys")


def test_keys_that_were_not_cannot_be_had() -> None:
    keys = keys_of(a_context_of(REVIEWS, WORKLOAD, TOKENS))
    assert isinstance(keys, RemoteKeys)
    assert (keys.uri, keys.cluster) == (SOURCE.uri, BLACK_HOLE_CLUSTER)


def test_keys_that_envoys_fetch_come_through_the_cluster_of_their_service() -> None:
    server = AUTHZ_SERVER.replace("authz.example", "issuer.example").replace(
        "9000, protocol: GRPC", "443, protocol: TLS"
    )
    documents = REVIEWS, WORKLOAD, TOKENS, server
    by_envoy = keys_of(a_context_of(*documents, key_fetcher=KeyFetcher.ENVOY, key_sets={SOURCE: "from before"}))
    assert isinstance(by_envoy, RemoteKeys)
    assert by_envoy.cluster == "outbound|443||issuer.example"


def test_routes_of_a_gateway_may_depend_on_claims() -> None:
    context = a_context_of(REVIEWS, WORKLOAD, TOKENS)
    for gateway in (True, False):
        (plan,) = planned(context, gateway=gateway).http
        assert isinstance(plan, JwtPlan)
        assert plan.providers[0].clear_route_cache is gateway
