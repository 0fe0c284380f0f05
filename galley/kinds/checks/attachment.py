"""Whom a policy is for: the rules of ``selector``, ``targetRef`` and ``targetRefs``, as Istio's validation has them."""

from __future__ import annotations

from galley.kinds.checks.scalars import check_selector
from galley.kinds.values import AttachedPolicy, PolicyTargetReference
from galley.text.nodes import below
from galley.text.recorder import Recorder
from galley.text.wording import quoted

_MOST_TARGETS = 16
_TARGETS = {
    ("", "Service"),
    ("core", "Service"),
    ("networking.istio.io", "ServiceEntry"),
    ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "GatewayClass"),
}
"""Group and kind of what Istio lets a policy be attached to (``allowedTargetRefs`` of its validation)."""
_TARGETS_HINT = (
    "possible are Service, networking.istio.io ServiceEntry, and Gateway or GatewayClass of gateway.networking.k8s.io"
)


def check_attachment(recorder: Recorder, path: str, policy: AttachedPolicy) -> None:
    """One way of three to say whom the policy is for; ``path`` is that of the policy's own fields (``spec``)."""
    ways = {"selector": policy.selector, "targetRef": policy.target_ref, "targetRefs": policy.target_refs}
    given = [name for name, value in ways.items() if value not in (None, ())]
    if len(given) > 1:
        what = f"is not possible together with {' and '.join(given[:-1])}"
        recorder.error(below(path, given[-1]), "exclusive-fields", what, "keep one of them")
    if policy.selector is not None:
        if policy.selector.is_empty:
            what = "has no labels, so the policy is for the whole namespace"
            recorder.warn(below(path, "selector"), "empty-selector", what, "leave it out to mean that")
        check_selector(recorder, below(path, "selector.matchLabels"), policy.selector.match_labels)
    if policy.target_ref is not None:
        _check_target(recorder, below(path, "targetRef"), policy.target_ref)
    if len(policy.target_refs) > _MOST_TARGETS:
        what = f"has {len(policy.target_refs)} entries; Istio takes {_MOST_TARGETS} at most"
        recorder.error(below(path, "targetRefs"), "too-many-targets", what)
    for index, target in enumerate(policy.target_refs):
        _check_target(recorder, below(path, f"targetRefs[{index}]"), target)


def _check_target(recorder: Recorder, path: str, target: PolicyTargetReference) -> None:
    if not target.name:
        recorder.error(f"{path}.name", "missing-field", "is required")
    if not target.kind:
        recorder.error(f"{path}.kind", "missing-field", "is required", "Service, ServiceEntry, Gateway or GatewayClass")
    elif (target.group, target.kind) not in _TARGETS:
        what = f"{quoted(target.kind)} of {quoted(target.group or 'core')} is no kind that a policy can be attached to"
        recorder.error(f"{path}.kind", "invalid-target", what, _TARGETS_HINT)
    if target.namespace:
        what = "must be left out: a policy is for resources of its own namespace"
        recorder.error(f"{path}.namespace", "invalid-target", what)
