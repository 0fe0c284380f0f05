"""Rules of a Kubernetes Service."""

from __future__ import annotations

import pytest

from tests.galley.kinds.checks.cases import found, short


def diagnostics_of(spec: str, name: str = "a") -> list[str]:
    return short(found("Service", spec, name=name, api_version="v1"))


@pytest.mark.parametrize(
    "spec",
    [
        "ports: [{port: 80}]\nselector: {app: a}",
        "ports: [{port: 80, name: http}, {port: 80, name: dns, protocol: UDP}]\nclusterIP: 10.0.0.1",
        "clusterIP: None\nselector: {app: a}",
        "type: ExternalName\nexternalName: a.example.com",
    ],
)
def test_good_services_have_no_diagnostics(spec: str) -> None:
    assert diagnostics_of(spec) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("selector: {app: a}", ["error missing-field spec.ports"]),
        ("ports: [{port: 0, targetPort: 70000}]", [
            "error invalid-port spec.ports[0].port",
            "error invalid-port spec.ports[0].targetPort",
        ]),
        ("ports: [{port: 1}, {port: 2, name: b}]", ["error missing-field spec.ports[0].name"]),
        ("ports: [{port: 1, name: b}, {port: 1, name: b}]", [
            "error duplicate-port spec.ports[1].name",
            "error duplicate-port spec.ports[1].port",
        ]),
        ("ports: [{port: 1, protocol: HTTP}]", ["error unknown-protocol spec.ports[0].protocol"]),
        ("ports: [{port: 1}]\nclusterIP: x", ["error invalid-address spec.clusterIP"]),
        ("type: ExternalName", ["error missing-field spec.externalName"]),
        ("type: ExternalName\nexternalName: a_b", ["error invalid-host spec.externalName"]),
        ("ports: [{port: 1}]\nselector: {'a b': c}", ['error invalid-label spec.selector["a b"]']),
    ],
)  # fmt: skip
def test_diagnostics(spec: str, expected: list[str]) -> None:
    assert sorted(diagnostics_of(spec)) == sorted(expected)


def test_a_name_must_be_one_label() -> None:
    assert diagnostics_of("ports: [{port: 1}]", name="a.b") == ["error invalid-name metadata.name"]
