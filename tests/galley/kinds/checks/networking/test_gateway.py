"""Rules of a Gateway."""

from __future__ import annotations

import pytest

from galley.kinds.checks.scalars import HTTP_PROTOCOLS
from tests.galley.kinds.checks.cases import found, short

HTTP = "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}"


def server(text: str) -> list[str]:
    lines = short(found("Gateway", f"selector: {{istio: gw}}\nservers:\n- {text}"))
    return [line.replace("spec.servers[0]", "", 1) for line in lines]


@pytest.mark.parametrize(
    "text",
    [
        HTTP,
        "{port: {number: 8080, name: http-8080, protocol: http2}, hosts: [a.com, ns/*.b.com, ./c.com, '*/d.com']}",
        "{port: {number: 80, name: http, protocol: HTTP}, hosts: [a.com], tls: {httpsRedirect: true}}",
        "{port: {number: 443, name: tls, protocol: TLS}, hosts: [a.com], tls: {mode: PASSTHROUGH}}",
        "{port: {number: 31400, name: tcp, protocol: TCP}, hosts: ['*'], bind: 10.0.0.1}",
        "{port: {name: socket, protocol: HTTP}, hosts: ['*'], bind: 'unix:///tmp/a.sock'}",
    ],
)
def test_good_servers_have_no_diagnostics(text: str) -> None:
    assert server(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{port: {number: 80, name: http, protocol: HTTP}}", ["error missing-field .hosts"]),
        ("{hosts: ['*']}", ["error missing-field .port"]),
        (
            "{port: {number: 0}, hosts: ['*']}",
            [
                "error invalid-port .port.number",
                "error missing-field .port.name",
                "error missing-field .port.protocol",
            ],
        ),
        ("{port: {number: 80, name: a, protocol: HTTPP}, hosts: ['*']}", ["error unknown-protocol .port.protocol"]),
        ("{port: {number: 80, name: a, protocol: HTTP}, hosts: [reviews]}", ["error short-host .hosts[0]"]),
        ("{port: {number: 80, name: a, protocol: HTTP}, hosts: [a_b/c.com]}", ["error invalid-host .hosts[0]"]),
        ("{port: {number: 80, name: a, protocol: HTTP}, hosts: ['a.*.com']}", ["error invalid-host .hosts[0]"]),
        ("{port: {number: 80, name: a, protocol: HTTP}, hosts: ['*'], bind: here}", ["error invalid-address .bind"]),
        (
            "{port: {number: 80, name: a, protocol: HTTP}, hosts: ['*'], bind: 'unix:///a'}",
            ["error invalid-port .port.number"],
        ),
        ("{port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*']}", ["error missing-field .tls"]),
        (
            "{port: {number: 80, name: a, protocol: HTTP}, hosts: ['*'], tls: {mode: SIMPLE, privateKey: /k}}",
            ["error tls-on-plain-port .tls"],
        ),
        ("{port: {number: 80, name: a, protocol: TCP}, hosts: ['*'], tls: {}}", ["error tls-on-plain-port .tls"]),
        ("{port: {number: 80, name: a, protocol: HTTP}, hosts: ['*'], tls: {httpsRedirect: true}}", []),
        ("{port: {number: 80, name: a, protocol: HTTP}, hosts: ['*'], tls: {}}", []),
        (
            "{port: {number: 443, name: a, protocol: TLS}, hosts: ['*'], tls: {httpsRedirect: true}}",
            ["warning ineffective-setting .tls.httpsRedirect"],
        ),
    ],
)
def test_diagnostics(text: str, expected: list[str]) -> None:
    assert sorted(server(text)) == sorted(expected)


def test_diagnostics_about_the_whole() -> None:
    assert short(found("Gateway", "selector: {a: b}")) == ["error missing-field spec.servers"]
    two = f"servers: [{HTTP}, {HTTP}]"
    assert short(found("Gateway", two)) == ["error duplicate-port spec.servers[1].port.name"]
    assert short(found("Gateway", f"selector: {{app: '*'}}\nservers: [{HTTP}]")) == [
        'error invalid-selector spec.selector["app"]'
    ]


@pytest.mark.parametrize("protocol", sorted(HTTP_PROTOCOLS))
@pytest.mark.parametrize(
    "tls",
    [
        "mode: SIMPLE",
        "mode: MUTUAL",
        "mode: OPTIONAL_MUTUAL",
        "mode: ISTIO_MUTUAL",
        "mode: AUTO_PASSTHROUGH",
        "minProtocolVersion: TLSV1_3",
        "cipherSuites: [AES128-SHA]",
        "verifyCertificateHash: [aa]",
        "caCertificates: /ca, httpsRedirect: true",
    ],
)
def test_tls_on_a_plain_port_is_refused(protocol: str, tls: str) -> None:
    """Whoever asks for TLS in any way would be served plain text there."""
    server = f"servers: [{{port: {{number: 80, name: a, protocol: {protocol}}}, hosts: ['*'], tls: {{{tls}}}}}]"
    assert "error tls-on-plain-port spec.servers[0].tls" in short(found("Gateway", server, identities=True))
