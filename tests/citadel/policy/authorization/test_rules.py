"""One rule of a policy, for requests and for opaque connections."""

from __future__ import annotations

import pytest

from citadel.access.rbac import (
    AllOf,
    AnyOf,
    Anything,
    DestinationPort,
    Header,
    Not,
    PeerAddress,
    RbacPolicy,
    TextMatch,
    TextMatchKind,
)
from citadel.policy.authorization.rules import RuleTarget, build_policy
from tests.citadel.policy.authorization.builders import a_policy

HTTP, HTTP_ALLOW = RuleTarget(http=True, narrow=False), RuleTarget(http=True, narrow=True)
TCP, TCP_ALLOW = RuleTarget(http=False, narrow=False), RuleTarget(http=False, narrow=True)
ANYTHING = (AllOf((Anything(),)),)


def built(rule: str, target: RuleTarget = HTTP_ALLOW) -> RbacPolicy | None:
    return build_policy(a_policy(f"rules: [{rule}]"), 0, "name", target, ())


def exact(header: str, value: str) -> Header:
    return Header(header, TextMatch(TextMatchKind.EXACT, value))


def test_an_empty_rule_matches_all() -> None:
    policy = built("{}")
    assert policy is not None
    assert (policy.permissions, policy.principals) == (ANYTHING, ANYTHING)
    assert policy.path == "spec.rules[0]"


def test_entries_are_alternatives_and_fields_are_not() -> None:
    policy = built("{to: [{operation: {methods: [GET, HEAD], ports: ['80']}}, {operation: {notMethods: [PUT]}}]}")
    assert policy is not None
    first, second = policy.permissions
    assert first == AllOf((AnyOf((exact(":method", "GET"), exact(":method", "HEAD"))), AnyOf((DestinationPort(80),))))
    assert second == AllOf((Not(AnyOf((exact(":method", "PUT"),))),))
    assert policy.principals == ANYTHING


def test_conditions_join_every_alternative_of_their_side() -> None:
    policy = built(
        "{from: [{source: {ipBlocks: [10.0.0.1]}}, {source: {ipBlocks: [10.0.0.2]}}],"
        " when: [{key: 'request.headers[x]', values: [a]}, {key: destination.port, values: ['80']}]}"
    )
    assert policy is not None
    asked = AnyOf((exact("x", "a"),))
    assert policy.principals == (
        AllOf((AnyOf((PeerAddress("10.0.0.1"),)), asked)),
        AllOf((AnyOf((PeerAddress("10.0.0.2"),)), asked)),
    )
    assert policy.permissions == (AllOf((AnyOf((DestinationPort(80),)),)),)


HTTP_ONLY = [
    "{to: [{operation: {methods: [GET]}}]}",
    "{to: [{operation: {notPaths: [/a]}}]}",
    "{to: [{operation: {hosts: [a.example]}}]}",
    "{from: [{source: {requestPrincipals: ['*']}}]}",
    "{when: [{key: 'request.headers[x]', values: [a]}]}",
    "{when: [{key: 'request.auth.claims[x]', notValues: [a]}]}",
]


@pytest.mark.parametrize("rule", HTTP_ONLY)
def test_what_only_http_has_allows_no_opaque_connection_and_denies_more(rule: str) -> None:
    assert built(rule, TCP_ALLOW) is None
    denying = built(rule, TCP)
    assert denying is not None
    assert (denying.permissions, denying.principals) == (ANYTHING, ANYTHING)


@pytest.mark.parametrize("target", [TCP, TCP_ALLOW])
def test_what_connections_have_too_stays(target: RuleTarget) -> None:
    policy = built("{from: [{source: {ipBlocks: [10.0.0.1]}}], to: [{operation: {ports: ['80']}}]}", target)
    assert policy is not None
    assert policy.permissions == (AllOf((AnyOf((DestinationPort(80),)),)),)
    assert policy.principals == (AllOf((AnyOf((PeerAddress("10.0.0.1"),)),)),)
