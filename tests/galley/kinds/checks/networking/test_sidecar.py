"""Rules of a Sidecar."""

from __future__ import annotations

import pytest

from tests.galley.kinds.checks.cases import found, short

ALL = "egress: [{hosts: ['*/*']}]"


@pytest.mark.parametrize(
    "spec",
    [
        "egress: [{hosts: ['./*', 'istio-system/*', '*/a.b.com']}]",
        "egress: [{port: {number: 80, protocol: HTTP, name: http}, hosts: ['./*']}, {hosts: ['~/*']}]",
        "ingress: [{port: {number: 9080, protocol: HTTP, name: http}, defaultEndpoint: '127.0.0.1:8080'}]\n" + ALL,
        "ingress: [{port: {number: 9080, protocol: HTTP, name: http}, defaultEndpoint: 'unix:///a.sock'}]",
        "workloadSelector: {labels: {app: a}}\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}",
    ],
)
def test_good_sidecars_have_no_diagnostics(spec: str) -> None:
    assert short(found("Sidecar", spec)) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("workloadSelector: {labels: {app: a}}", ["error missing-field spec"]),
        (f"workloadSelector: {{}}\n{ALL}", ["warning empty-selector spec.workloadSelector"]),
        ("egress: [{hosts: []}]", ["error missing-field spec.egress[0].hosts"]),
        ("egress: [{hosts: [reviews]}]", ["error invalid-host spec.egress[0].hosts[0]"]),
        ("egress: [{hosts: [a_b/c.com]}]", ["error invalid-host spec.egress[0].hosts[0]"]),
        ("egress: [{hosts: ['./*', './*']}]", ["warning duplicate-host spec.egress[0].hosts[1]"]),
        ("egress: [{hosts: ['*/*', './*']}]", ["warning ineffective-setting spec.egress[0].hosts"]),
        (
            "egress: [{hosts: ['./*']}, {port: {number: 80, protocol: HTTP}, hosts: ['./*']}]",
            ["error catch-all-not-last spec.egress[0]"],
        ),
        (
            "egress: [" + ", ".join(["{port: {number: 80, protocol: TCP}, hosts: ['*/*']}"] * 2) + "]",
            ["error duplicate-port spec.egress[1].port"],
        ),
        (
            "egress: [{port: {number: 0}, bind: x, hosts: ['./*']}]",
            [
                "error missing-field spec.egress[0].port.protocol",
                "error invalid-port spec.egress[0].port.number",
                "error invalid-address spec.egress[0].bind",
            ],
        ),
        (
            "egress: [{port: {number: 1, protocol: TCP}, bind: 'unix:///a', captureMode: IPTABLES, hosts: ['./*']}]",
            ["error invalid-port spec.egress[0].port.number", "error exclusive-fields spec.egress[0].captureMode"],
        ),
        ("ingress: [{defaultEndpoint: '127.0.0.1:1'}]", ["error missing-field spec.ingress[0].port"]),
        (
            "ingress: [{port: {number: 1, protocol: TCP}, defaultEndpoint: '10.0.0.1:80'}, {port: {number: 1}}]",
            [
                "error invalid-address spec.ingress[0].defaultEndpoint",
                "error duplicate-port spec.ingress[1].port.number",
            ],
        ),
        (
            "ingress: [{port: {number: 1, protocol: TCP}, defaultEndpoint: '127.0.0.1:0', bind: x}]",
            ["error invalid-port spec.ingress[0].defaultEndpoint", "error invalid-address spec.ingress[0].bind"],
        ),
        (
            "outboundTrafficPolicy: {mode: REGISTRY_ONLY, egressProxy: {host: a}}",
            [
                "error missing-field spec.outboundTrafficPolicy.egressProxy.port",
                "error exclusive-fields spec.outboundTrafficPolicy.egressProxy",
                "warning not-supported-yet spec.outboundTrafficPolicy.egressProxy",
            ],
        ),
    ],
)
def test_diagnostics(spec: str, expected: list[str]) -> None:
    assert sorted(short(found("Sidecar", spec))) == sorted(expected)


def test_tls_of_an_ingress_listener_has_limits_of_its_own() -> None:
    tls = "{mode: SIMPLE, credentialName: a, httpsRedirect: true, subjectAltNames: [b]}"
    lines = short(found("Sidecar", f"ingress: [{{port: {{number: 1, protocol: HTTP}}, tls: {tls}}}]"))
    for expected in (
        "error tls-on-plain-port spec.ingress[0].tls",
        "error invalid-tls-setting spec.ingress[0].tls.credentialName",
        "error invalid-tls-setting spec.ingress[0].tls.httpsRedirect",
        "error invalid-tls-setting spec.ingress[0].tls.subjectAltNames",
    ):
        assert expected in lines
    mutual = short(found("Sidecar", "ingress: [{port: {number: 1, protocol: HTTPS}, tls: {mode: ISTIO_MUTUAL}}]"))
    assert "error invalid-tls-mode spec.ingress[0].tls.mode" in mutual
