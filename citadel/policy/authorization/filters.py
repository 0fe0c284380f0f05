"""From the AuthorizationPolicies of a workload to its RBAC filters, in the order in which they decide: AUDIT marks,
DENY refuses, then ALLOW must admit where there is any (Istio, "Authorization Policy")."""

from __future__ import annotations

from collections.abc import Iterable

from citadel.access.rbac import NEVER, RbacAction, RbacPlan, RbacPolicy, RbacRules
from citadel.policy.authorization.rules import RuleTarget, build_policy
from galley.kinds.security.authorization_policy import AuthorizationAction, AuthorizationPolicy
from galley.meta import Resource

DRY_RUN = "istio.io/dry-run"
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})  # of Go's strconv.ParseBool

_ORDER = (
    (AuthorizationAction.AUDIT, RbacAction.LOG),
    (AuthorizationAction.DENY, RbacAction.DENY),
    (AuthorizationAction.ALLOW, RbacAction.ALLOW),
)

Policies = tuple[Resource[AuthorizationPolicy], ...]


def is_dry_run(policy: Resource[AuthorizationPolicy]) -> bool:
    """Whether the policy's decisions are only noted."""
    return policy.annotations.get(DRY_RUN, "") in _TRUE


def plan_rbac(policies: Policies, *, http: bool, trust_domains: tuple[str, ...] = ()) -> tuple[RbacPlan, ...]:
    """The filters of ``policies``, all that apply to a workload, oldest first. Those with CUSTOM are not among them."""
    plans = []
    for kind, action in _ORDER:
        of_action = tuple(policy for policy in policies if policy.spec.action is kind)
        if of_action:
            plans.append(_plan(of_action, action, http, trust_domains))
    return tuple(plans)


def _plan(policies: Policies, action: RbacAction, http: bool, trust_domains: tuple[str, ...]) -> RbacPlan:
    target = RuleTarget(http=http, narrow=action is RbacAction.ALLOW)
    enforced = tuple(policy for policy in policies if not is_dry_run(policy))
    shadow = tuple(policy for policy in policies if is_dry_run(policy))
    return RbacPlan(
        rules=build_rules(enforced, action, target, trust_domains) if enforced else None,
        shadow_rules=build_rules(shadow, action, target, trust_domains) if shadow else None,
        shadow_prefix="istio_dry_run_deny_" if shadow and action is RbacAction.DENY else "istio_dry_run_allow_",
    )


def build_rules(
    policies: Iterable[Resource[AuthorizationPolicy]],
    action: RbacAction,
    target: RuleTarget,
    trust_domains: tuple[str, ...],
    prefix: str = "",
) -> RbacRules:
    """The rules of ``policies`` for one action; names begin with ``prefix``. A policy without rules is there, and
    matches nothing: one with ALLOW lets nobody in by that."""
    built: list[RbacPolicy] = []
    for policy in policies:
        for index in range(len(policy.spec.rules)):
            found = build_policy(policy, index, f"{prefix}{rule_name(policy, index)}", target, trust_domains)
            if found is not None:
                built.append(found)
        if not policy.spec.rules:
            built.append(RbacPolicy(f"{prefix}{rule_name(policy, 0)}", (NEVER,), (NEVER,), policy.key, "spec"))
    return RbacRules(action=action, policies=tuple(built))


def rule_name(policy: Resource[AuthorizationPolicy], index: int) -> str:
    """The name of a rule in Envoy, which access logs and statistics show (Istio's)."""
    return f"ns[{policy.namespace}]-policy[{policy.name}]-rule[{index}]"
