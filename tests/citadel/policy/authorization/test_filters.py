"""From the policies of a workload to its filters."""

from __future__ import annotations

import pytest

from citadel.access.rbac import NEVER, RbacAction
from citadel.policy.authorization.filters import is_dry_run, plan_rbac, rule_name
from tests.citadel.policy.authorization.builders import a_policy

ALL = "rules: [{}]"


def test_audit_marks_first_then_deny_refuses_then_allow_must_admit() -> None:
    policies = (a_policy(ALL), a_policy(f"action: DENY\n{ALL}"), a_policy(f"action: AUDIT\n{ALL}"))
    rules = [plan.rules for plan in plan_rbac(policies, http=True)]
    assert [one.action for one in rules if one] == [RbacAction.LOG, RbacAction.DENY, RbacAction.ALLOW]


def test_no_policy_is_no_filter() -> None:
    assert plan_rbac((), http=True) == ()
    assert plan_rbac((a_policy(f"action: CUSTOM\nprovider: {{name: a}}\n{ALL}"),), http=True) == ()


def test_policies_of_one_action_share_a_filter_and_each_rule_its_name() -> None:
    one, other = a_policy("rules: [{}, {}]", name="one"), a_policy(ALL, name="other", namespace="istio-system")
    (plan,) = plan_rbac((one, other), http=True)
    assert plan.rules is not None
    assert [policy.name for policy in plan.rules.policies] == [
        "ns[default]-policy[one]-rule[0]",
        "ns[default]-policy[one]-rule[1]",
        "ns[istio-system]-policy[other]-rule[0]",
    ]
    assert rule_name(one, 1) == plan.rules.policies[1].name
    assert plan.origins == (one.key, other.key)


def test_a_policy_without_rules_is_there_and_matches_nothing() -> None:
    (plan,) = plan_rbac((a_policy("{}"),), http=True)
    assert plan.rules is not None
    (policy,) = plan.rules.policies
    assert (policy.permissions, policy.principals) == ((NEVER,), (NEVER,))


def test_an_allow_policy_that_no_opaque_connection_can_satisfy_still_closes_the_door() -> None:
    (plan,) = plan_rbac((a_policy("rules: [{to: [{operation: {methods: [GET]}}]}]"),), http=False)
    assert plan.rules is not None
    assert (plan.rules.action, plan.rules.policies) == (RbacAction.ALLOW, ())


@pytest.mark.parametrize(("action", "prefix"), [("ALLOW", "istio_dry_run_allow_"), ("DENY", "istio_dry_run_deny_")])
def test_what_is_tried_out_is_only_noted(action: str, prefix: str) -> None:
    tried = a_policy(f"action: {action}\n{ALL}", name="tried", dry_run="true")
    (plan,) = plan_rbac((tried,), http=True)
    assert plan.rules is None
    assert plan.shadow_rules is not None
    assert plan.shadow_prefix == prefix
    both = plan_rbac((tried, a_policy(f"action: {action}\n{ALL}", name="real")), http=True)[0]
    assert both.rules is not None
    assert [one.origin.name for one in both.rules.policies] == ["real"]


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("T", True), ("1", True), ("false", False), ("0", False)]
)
def test_the_annotation_is_read_as_go_reads_it(value: str, expected: bool) -> None:
    assert is_dry_run(a_policy(ALL, dry_run=value)) is expected
