"""Rules of WorkloadEntry and WorkloadGroup."""

from __future__ import annotations

import pytest

from tests.galley.kinds.checks.cases import found, short


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("WorkloadEntry", "address: 10.0.0.1\nports: {http: 8080}\nlabels: {app: a}\nlocality: eu/de/b\nweight: 2"),
        ("WorkloadEntry", "address: 'fd00::1'"),
        ("WorkloadEntry", "address: vm.example.com"),
        ("WorkloadEntry", "address: unix:///var/run/a.sock"),
        ("WorkloadGroup", "metadata: {labels: {app: a}}\ntemplate: {ports: {http: 80}, serviceAccount: a}"),
    ],
)
def test_good_workloads_have_no_diagnostics(kind: str, spec: str) -> None:
    assert short(found(kind, spec)) == []


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("WorkloadEntry", "weight: 1", ["error missing-field spec.address"]),
        ("WorkloadEntry", "network: n", ["warning missing-field spec.address"]),
        ("WorkloadEntry", "address: a_b", ["error invalid-address spec.address"]),
        ("WorkloadEntry", "address: 10.0.0.256", ["error invalid-address spec.address"]),
        ("WorkloadEntry", "address: 'unix://a'", ["error invalid-address spec.address"]),
        ("WorkloadEntry", "address: 'unix:///a'\nports: {http: 1}", ["error exclusive-fields spec.ports"]),
        ("WorkloadEntry", "address: a\nports: {http: 0}", ['error invalid-port spec.ports["http"]']),
        ("WorkloadEntry", "address: a\nlocality: a/b/c/d", ["error invalid-locality spec.locality"]),
        ("WorkloadEntry", "address: a\nweight: -1", ["error invalid-number spec.weight"]),
        ("WorkloadGroup", "metadata: {labels: {a b: c}}", [
            'error invalid-label spec.metadata.labels["a b"]',
            "error missing-field spec.template",
        ]),
        ("WorkloadGroup", "template: {}\nprobe: {periodSeconds: -1}", [
            "error invalid-number spec.probe.periodSeconds",
            "error missing-field spec.probe",
            "warning not-supported-yet spec.probe",
        ]),
        ("WorkloadGroup", "template: {}\nprobe: {httpGet: {scheme: FTP, httpHeaders: [{name: 'a b'}]}}", [
            "error invalid-port spec.probe.httpGet.port",
            "error invalid-scheme spec.probe.httpGet.scheme",
            "error invalid-header spec.probe.httpGet.httpHeaders[0].name",
            "warning not-supported-yet spec.probe",
        ]),
        ("WorkloadGroup", "template: {}\nprobe: {exec: {command: []}}", [
            "error missing-field spec.probe.exec.command",
            "warning not-supported-yet spec.probe",
        ]),
    ],
)  # fmt: skip
def test_diagnostics(kind: str, spec: str, expected: list[str]) -> None:
    assert sorted(short(found(kind, spec))) == sorted(expected)
