"""CUSTOM policies: what is asked of which server, and what is denied when it cannot be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from citadel.access.ext_authz import ExtAuthzPlan
from citadel.access.rbac import RbacAction, RbacPlan
from citadel.policy.external_authorization import AuthorizationServer, plan_custom
from galley.kinds.extension_provider import ExternalAuthorizationGrpc, ExternalAuthorizationHttp
from galley.kinds.security.authorization_policy import AuthorizationPolicy
from galley.meta import Resource
from tests.citadel.policy.authorization.builders import a_policy

GRPC = AuthorizationServer(
    ExternalAuthorizationGrpc(service="ask.example", port=9000, timeout=timedelta(seconds=2)),
    "grpc-cluster",
    "ask.example",
)
HTTP = AuthorizationServer(ExternalAuthorizationHttp(service="web.example", port=80), "http-cluster", "web.example")


def custom(provider: str, name: str = "one") -> Resource[AuthorizationPolicy]:
    return a_policy(
        f"action: CUSTOM\nprovider: {{name: {provider}}}\nrules: [{{to: [{{operation: {{ports: ['80']}}}}]}}]",
        name=name,
    )


def planned(
    *policies: Resource[AuthorizationPolicy], http: bool = True, **servers: AuthorizationServer
) -> tuple[RbacPlan | ExtAuthzPlan, ...]:
    return plan_custom(policies, servers, http=http, trust_domains=("cluster.local",))


@pytest.mark.parametrize("http", [True, False])
def test_a_filter_that_notes_and_one_that_asks(http: bool) -> None:
    noting, asking = planned(custom("ask"), custom("ask", "two"), http=http, ask=GRPC)
    assert isinstance(noting, RbacPlan)
    assert isinstance(asking, ExtAuthzPlan)
    assert noting.rules is None
    assert noting.shadow_rules is not None
    assert [one.name for one in noting.shadow_rules.policies] == [
        "istio-ext-authz-ask-ns[default]-policy[one]-rule[0]",
        "istio-ext-authz-ask-ns[default]-policy[two]-rule[0]",
    ]
    assert asking.enabled_by.filter == f"envoy.filters.{'http' if http else 'network'}.rbac"
    assert asking.enabled_by.texts[0].text == "istio-ext-authz-ask"


@pytest.mark.parametrize("http", [True, False])
def test_what_cannot_be_asked_about_is_denied(http: bool) -> None:
    (denying,) = planned(custom("ask"), http=http)
    assert isinstance(denying, RbacPlan)
    assert denying.rules is not None
    assert denying.rules.action is RbacAction.DENY
    assert [one.name for one in denying.rules.policies] == [
        "istio-ext-authz-ask-ns[default]-policy[one]-rule[0]-deny-due-to-bad-CUSTOM-action"
    ]


def test_of_several_servers_none_is_asked() -> None:
    plans = planned(custom("ask"), custom("web", "two"), ask=GRPC, web=HTTP)
    assert len(plans) == 2
    assert all(isinstance(one, RbacPlan) and one.rules is not None for one in plans)


def test_an_http_server_leaves_opaque_connections_alone() -> None:
    assert planned(custom("web"), http=False, web=HTTP) == ()
    assert len(planned(custom("web"), web=HTTP)) == 2
