"""Which rule decides, and why."""

from __future__ import annotations

from citadel.policy.authorization.decide import AccessVerdict, Decision, decide
from citadel.policy.authorization.evaluate import Request
from citadel.policy.authorization.filters import plan_rbac
from galley.kinds.security.authorization_policy import AuthorizationPolicy
from galley.meta import Resource
from tests.citadel.policy.authorization.builders import a_policy

READS = "rules: [{to: [{operation: {methods: [GET]}}]}]"
ADMIN = "rules: [{to: [{operation: {paths: [/admin*]}}]}]"


def decision(*policies: Resource[AuthorizationPolicy], method: str = "GET", path: str = "/") -> Decision:
    return decide(plan_rbac(policies, http=True), Request(method=method, path=path))


def test_without_policies_all_is_allowed() -> None:
    found = decision()
    assert found == Decision(AccessVerdict.ALLOWED, "no policy says otherwise")


def test_the_rule_that_allows_is_told() -> None:
    found = decision(a_policy(READS, name="reads"))
    assert found.verdict is AccessVerdict.ALLOWED
    assert found.rule is not None
    assert found.rule.origin.name == "reads"


def test_where_some_policy_allows_what_none_allows_is_denied() -> None:
    found = decision(a_policy(READS), method="POST")
    assert (found.verdict, found.rule) == (AccessVerdict.DENIED, None)
    assert "ALLOW" in found.why


def test_deny_counts_before_allow() -> None:
    found = decision(a_policy(READS), a_policy(f"action: DENY\n{ADMIN}", name="admin"), path="/admin/x")
    assert found.verdict is AccessVerdict.DENIED
    assert found.rule is not None
    assert found.rule.origin.name == "admin"


def test_what_marks_and_what_is_tried_out_is_told_and_decides_nothing() -> None:
    found = decision(
        a_policy(f"action: AUDIT\n{READS}", name="audit"),
        a_policy(f"action: DENY\n{READS}", name="tried", dry_run="true"),
    )
    assert found.verdict is AccessVerdict.ALLOWED
    assert [one.origin.name for one in found.marked] == ["audit"]
    assert [one.origin.name for one in found.shadow] == ["tried"]
    assert found.rule is None


def test_a_policy_that_would_admit_nothing_admits_all_while_it_is_tried_out() -> None:
    assert decision(a_policy("{}", dry_run="true")).verdict is AccessVerdict.ALLOWED
    assert decision(a_policy("{}")).verdict is AccessVerdict.DENIED
