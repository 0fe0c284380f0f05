from __future__ import annotations

import pytest

from galley.decoding.messages import message_decoder
from galley.kinds.checks.attachment import check_attachment
from galley.kinds.values import AttachedPolicy
from galley.meta import recorder_of
from galley.text.compose import compose
from galley.text.diagnostics import Origin
from galley.text.recorder import Recorder
from tests.builders import a_resource
from tests.galley.kinds.checks.cases import short


def policy(text: str) -> AttachedPolicy:
    (document,), _ = compose(text.encode(), "a.yaml")
    recorder = Recorder(Origin("a.yaml"), accept_unenforced=True)
    decoded = message_decoder(AttachedPolicy)(document.root, "spec", recorder)
    assert isinstance(decoded, AttachedPolicy)
    return decoded


def attachment(text: str) -> list[str]:
    spec = policy(text)
    recorder = recorder_of(a_resource(spec, "x"))
    check_attachment(recorder, "spec", spec)
    return short(recorder.diagnostics)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "selector: {matchLabels: {app: x}}",
        "targetRef: {kind: Service, name: x}",
        "targetRef: {group: core, kind: Service, name: x}",
        "targetRefs: [{group: networking.istio.io, kind: ServiceEntry, name: x}, "
        "{group: gateway.networking.k8s.io, kind: Gateway, name: y}]",
        "targetRefs: [{group: gateway.networking.k8s.io, kind: GatewayClass, name: istio}]",
    ],
)
def test_what_a_policy_may_be_attached_to(text: str) -> None:
    assert attachment(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("selector: {}", "warning empty-selector spec.selector"),
        ("selector: {matchLabels: {app: '*'}}", 'error invalid-selector spec.selector.matchLabels["app"]'),
        (
            "{selector: {matchLabels: {a: b}}, targetRef: {kind: Service, name: x}}",
            "error exclusive-fields spec.targetRef",
        ),
        (
            "{targetRef: {kind: Service, name: x}, targetRefs: [{kind: Service, name: y}]}",
            "error exclusive-fields spec.targetRefs",
        ),
        ("targetRef: {kind: Service}", "error missing-field spec.targetRef.name"),
        ("targetRefs: [{name: x}]", "error missing-field spec.targetRefs[0].kind"),
        ("targetRef: {group: apps, kind: Deployment, name: x}", "error invalid-target spec.targetRef.kind"),
        ("targetRef: {group: networking.istio.io, kind: Gateway, name: x}", "error invalid-target spec.targetRef.kind"),
        ("targetRef: {kind: Service, name: x, namespace: other}", "error invalid-target spec.targetRef.namespace"),
        (f"targetRefs: [{', '.join(['{kind: Service, name: x}'] * 17)}]", "error too-many-targets spec.targetRefs"),
    ],
)
def test_what_it_may_not_be_attached_to(text: str, expected: str) -> None:
    assert attachment(text) == [expected]


def test_targets_are_one_list_however_they_are_written() -> None:
    one, several = policy("targetRef: {kind: Service, name: x}"), policy("targetRefs: [{kind: Service, name: x}]")
    assert one.targets == several.targets
    assert [target.name for target in one.targets] == ["x"]
    assert policy("selector: {matchLabels: {a: b}}").targets == ()


@pytest.mark.parametrize("field", ["targetRef: {kind: Service, name: x}", "targetRefs: [{kind: Service, name: x}]"])
def test_a_policy_for_targets_is_refused_while_no_proxy_stands_for_one(field: str) -> None:
    (document,), _ = compose(field.encode(), "a.yaml")
    recorder = Recorder(Origin("a.yaml"))
    message_decoder(AttachedPolicy)(document.root, "spec", recorder)
    assert short(recorder.diagnostics) == [f"error not-enforced spec.{field.split(':', maxsplit=1)[0]}"]
