"""Rules of a ServiceEntry."""

from __future__ import annotations

import pytest

from tests.galley.kinds.checks.cases import found, short

PORTS = "ports: [{number: 80, name: http, protocol: HTTP}]"


def diagnostics_of(spec: str) -> list[str]:
    return [line for line in short(found("ServiceEntry", spec)) if "not-supported-yet" not in line]


@pytest.mark.parametrize(
    "spec",
    [
        f"hosts: [a.com]\n{PORTS}\nresolution: DNS",
        f"hosts: ['*.a.com']\n{PORTS}\nresolution: NONE",
        f"hosts: [a.com]\n{PORTS}\nresolution: STATIC\nendpoints: [{{address: 10.0.0.1, ports: {{http: 8080}}}}]",
        f"hosts: [a.com]\n{PORTS}\nresolution: STATIC\nendpoints: [{{address: 'unix:///var/run/a.sock'}}]",
        f"hosts: [a.com]\n{PORTS}\nresolution: STATIC\nworkloadSelector: {{labels: {{app: a}}}}\nexportTo: ['~']",
        f"hosts: ['*.a.com']\n{PORTS}\nresolution: DYNAMIC_DNS",
        "hosts: [a]\naddresses: [10.0.0.0/8]\nports: [{number: 1, name: tcp, protocol: TCP}]\nresolution: NONE",
    ],
)
def test_good_entries_have_no_diagnostics(spec: str) -> None:
    assert diagnostics_of(spec) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (PORTS, ["error missing-field spec.hosts"]),
        (f"hosts: ['*']\n{PORTS}", ["error invalid-host spec.hosts[0]"]),
        (f"hosts: [a_b]\n{PORTS}", ["error invalid-host spec.hosts[0]"]),
        (f"hosts: ['*-a.com']\n{PORTS}", ["warning partial-wildcard spec.hosts[0]"]),
        (
            "hosts: ['*-a.com']\nports: [{number: 443, name: tls, protocol: TLS}]",
            ["error partial-wildcard spec.hosts[0]"],
        ),
        (f"hosts: ['*.a.com']\n{PORTS}\nresolution: DNS", ["error invalid-host spec.hosts[0]"]),
        (f"hosts: [a.com]\n{PORTS}\nresolution: DYNAMIC_DNS", ["error invalid-host spec.hosts[0]"]),
        (f"hosts: [a.com]\n{PORTS}\naddresses: [x]", ["error invalid-address spec.addresses[0]"]),
        (
            f"hosts: [a.com]\n{PORTS}\naddresses: [10.0.0.0/8]\nresolution: DNS",
            ["error invalid-address spec.addresses[0]"],
        ),
        (
            f"hosts: [a.com]\n{PORTS}\nworkloadSelector: {{labels: {{a: b}}}}\nendpoints: [{{address: 10.0.0.1}}]\n"
            "resolution: STATIC",
            ["error exclusive-fields spec.endpoints"],
        ),
        (f"hosts: [a.com]\n{PORTS}\nendpoints: [{{address: 10.0.0.1}}]", ["error exclusive-fields spec.endpoints"]),
        (
            f"hosts: [a.com]\n{PORTS}\nendpoints: [{{address: b.com}}]\nresolution: STATIC",
            ["error invalid-address spec.endpoints[0].address"],
        ),
        (
            f"hosts: [a.com]\n{PORTS}\nendpoints: [{{address: b.com, ports: {{x: 1}}}}]\nresolution: DNS",
            ['error unknown-port spec.endpoints[0].ports["x"]'],
        ),
        (
            f"hosts: [a.com]\n{PORTS}\nendpoints: [{{address: b.io}}, {{address: c.io}}]\nresolution: DNS_ROUND_ROBIN",
            ["error too-many-endpoints spec.endpoints"],
        ),
        (f"hosts: [a.com]\n{PORTS}\nworkloadSelector: {{}}", ["warning ineffective-setting spec.workloadSelector"]),
        (
            "hosts: [a.com]\nports: [{number: 80, name: a, protocol: HTTP}, {number: 80, name: a, protocol: HTTP}]",
            ["error duplicate-port spec.ports[1].number", "error duplicate-port spec.ports[1].name"],
        ),
        (
            "hosts: [a.com]\nports: [{number: 0, name: a_b, protocol: QUIC, targetPort: 99999}]",
            [
                "error invalid-port spec.ports[0].number",
                "error invalid-name spec.ports[0].name",
                "error unknown-protocol spec.ports[0].protocol",
                "error invalid-port spec.ports[0].targetPort",
            ],
        ),
        (
            "hosts: [a.com, b.com]\nresolution: DNS\nports: [{number: 1, name: a, protocol: TCP}]",
            ["error ambiguous-hosts spec.ports[0].protocol"],
        ),
        (
            "hosts: [a.com]\nresolution: DNS\nports: [{number: 1, name: a, protocol: TCP}]",
            ["warning missing-address spec.ports[0].protocol"],
        ),
    ],
)
def test_diagnostics(spec: str, expected: list[str]) -> None:
    assert sorted(diagnostics_of(spec)) == sorted(expected)
