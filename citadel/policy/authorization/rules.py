"""One rule of an AuthorizationPolicy as one policy of Envoy's RBAC, for HTTP or for opaque connections.

What only HTTP has does not exist in an opaque connection. There an ALLOW rule that asks for it never matches, and of
a DENY, AUDIT or CUSTOM rule the rest is kept, so that it matches more: both ways less is let in (Istio).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from citadel.access.rbac import AllOf, Anything, Condition, Not, RbacPolicy
from citadel.policy.authorization.attributes import (
    OPERATION,
    SOURCE,
    Attribute,
    PolicyContext,
    RuleSide,
    attribute_of,
)
from galley.frozen import frozen
from galley.kinds.security.authorization_policy import AuthorizationPolicy, AuthorizationRule, Operation, Source
from galley.meta import Resource


@frozen
class Asked:
    """An attribute with the values that a user wrote for it, of which one must be there, and of which none may."""

    attribute: Attribute
    values: tuple[str, ...]
    not_values: tuple[str, ...]

    def conditions(self, context: PolicyContext) -> Iterator[Condition]:
        """What both lists ask; empty ones ask nothing."""
        if self.values:
            yield self.attribute.compare(self.values, context)
        if self.not_values:
            yield Not(self.attribute.compare(self.not_values, context))


@frozen
class RuleTarget:
    """Where a rule is to be enforced: on requests, or on opaque connections (``http`` false). ``narrow`` rules, those
    of ALLOW, must not match more for lack of an attribute."""

    http: bool
    narrow: bool


def build_policy(
    resource: Resource[AuthorizationPolicy], index: int, name: str, target: RuleTarget, trust_domains: tuple[str, ...]
) -> RbacPolicy | None:
    """Rule ``index`` of ``resource`` under ``name``; None when it can match nothing there."""
    rule = resource.spec.rules[index]
    context = PolicyContext(namespace=resource.namespace, trust_domains=trust_domains)
    when = tuple(_when(rule))
    sources = [tuple(_fields(SOURCE, entry.source)) for entry in rule.sources] or [()]
    operations = [tuple(_fields(OPERATION, entry.operation)) for entry in rule.operations] or [()]
    if not target.http and target.narrow and _asks_for_http((*when, *_flat(sources), *_flat(operations))):
        return None

    def side(own: RuleSide, alternatives: list[tuple[Asked, ...]]) -> tuple[Condition, ...]:
        shared = tuple(asked for asked in when if asked.attribute.side is own)
        return tuple(_all_of((*asked, *shared), context, target) for asked in alternatives)

    return RbacPolicy(
        name=name,
        permissions=side(RuleSide.PERMISSION, operations),
        principals=side(RuleSide.PRINCIPAL, sources),
        origin=resource.key,
        path=f"spec.rules[{index}]",
    )


def _all_of(asked: Iterable[Asked], context: PolicyContext, target: RuleTarget) -> Condition:
    kept = [one for one in asked if target.http or not one.attribute.http_only]
    return AllOf(tuple(condition for one in kept for condition in one.conditions(context)) or (Anything(),))


def _flat(lists: Iterable[tuple[Asked, ...]]) -> Iterator[Asked]:
    return (asked for one in lists for asked in one)


def _asks_for_http(asked: Iterable[Asked]) -> bool:
    return any(one.attribute.http_only for one in asked)


def _fields(attributes: Mapping[str, Attribute], part: Source | Operation | None) -> Iterator[Asked]:
    for name, attribute in attributes.items():
        values, not_values = getattr(part, name, ()), getattr(part, f"not_{name}", ())
        if values or not_values:
            yield Asked(attribute, values, not_values)


def _when(rule: AuthorizationRule) -> Iterator[Asked]:
    for condition in rule.when:
        attribute = attribute_of(condition.key)
        assert attribute is not None, "checked by Galley"
        yield Asked(attribute, condition.values, condition.not_values)
