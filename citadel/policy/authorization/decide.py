"""What a workload's policies decide about a described request, and which rule it is that decides."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from citadel.access.rbac import RbacAction, RbacPlan, RbacPolicy, RbacRules
from citadel.policy.authorization.evaluate import Request, policy_matches
from galley.frozen import frozen


class AccessVerdict(StrEnum):
    """What becomes of a request. REFUSED is one that no proxy takes, so that no policy is asked."""

    ALLOWED = "allowed"
    DENIED = "denied"
    REFUSED = "refused"


@frozen
class Decision:
    """A verdict and the rule behind it; ``rule`` is None where the lack of one decides. ``marked`` are the AUDIT rules
    that match, ``shadow`` those that only would have decided."""

    verdict: AccessVerdict
    why: str
    rule: RbacPolicy | None = None
    marked: tuple[RbacPolicy, ...] = ()
    shadow: tuple[RbacPolicy, ...] = ()


def decide(plans: Iterable[RbacPlan], request: Request) -> Decision:
    """The decision of the filters ``plans``, in their order: the first that refuses ends it."""
    plans = tuple(plans)
    marked = tuple(rule for plan in plans for rule in _matching(plan.rules, request) if _is_log(plan))
    shadow = tuple(rule for plan in plans for rule in _matching(plan.shadow_rules, request))
    admitted: RbacPolicy | None = None
    for plan in plans:
        rules = plan.rules
        if rules is None or rules.action is RbacAction.LOG:
            continue
        found = next(iter(_matching(rules, request)), None)
        if rules.action is RbacAction.DENY and found is not None:
            return Decision(AccessVerdict.DENIED, "a DENY rule matches", found, marked, shadow)
        if rules.action is RbacAction.ALLOW and found is None:
            return Decision(
                AccessVerdict.DENIED, "there are ALLOW policies, and none of their rules matches", None, marked, shadow
            )
        admitted = found or admitted
    why = "an ALLOW rule matches" if admitted is not None else "no policy says otherwise"
    return Decision(AccessVerdict.ALLOWED, why, admitted, marked, shadow)


def _is_log(plan: RbacPlan) -> bool:
    return plan.rules is not None and plan.rules.action is RbacAction.LOG


def _matching(rules: RbacRules | None, request: Request) -> tuple[RbacPolicy, ...]:
    """The rules that match, in the order of their names, in which Envoy looks at them."""
    if rules is None:
        return ()
    return tuple(one for one in sorted(rules.policies, key=lambda rule: rule.name) if policy_matches(one, request))
