"""Rules of TLS settings of servers."""

from __future__ import annotations

import pytest

from tests.galley.kinds.checks.cases import found, short


def tls(text: str) -> list[str]:
    server = f"{{port: {{number: 443, name: https, protocol: HTTPS}}, hosts: ['*'], tls: {text}}}"
    lines = short(found("Gateway", f"servers: [{server}]"))
    return [line.replace("spec.servers[0].tls", "", 1) for line in lines if "not-supported-yet" not in line]


@pytest.mark.parametrize(
    "text",
    [
        "{mode: SIMPLE, serverCertificate: /c, privateKey: /k}",
        "{mode: SIMPLE, credentialName: secret}",
        "{mode: MUTUAL, serverCertificate: /c, privateKey: /k, caCertificates: /ca, caCrl: /crl}",
        "{mode: SIMPLE, tlsCertificates: [{serverCertificate: /c, privateKey: /k}]}",
        "{mode: SIMPLE, serverCertificate: /c, privateKey: /k, minProtocolVersion: TLSV1_2}",
        "{mode: ISTIO_MUTUAL}",
    ],
)
def test_good_settings_have_no_diagnostics(text: str) -> None:
    assert [line for line in tls(text) if "not-enforced" not in line] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{mode: SIMPLE}", ["error missing-certificate .serverCertificate", "error missing-certificate .privateKey"]),
        ("{mode: MUTUAL, serverCertificate: /c, privateKey: /k}", ["error missing-certificate .caCertificates"]),
        ("{mode: PASSTHROUGH, serverCertificate: /c, privateKey: /k}", ["warning unused-certificates "]),
        (
            "{mode: SIMPLE, serverCertificate: /c, privateKey: /k, credentialName: x}",
            ["error conflicting-certificates "],
        ),
        (
            "{mode: SIMPLE, serverCertificate: /c, privateKey: /k, caCrl: /crl}",
            ["error conflicting-certificates .caCrl"],
        ),
        ("{mode: SIMPLE, tlsCertificates: [{privateKey: /k}]}", ["error missing-certificate .tlsCertificates[0]"]),
        (
            "{mode: SIMPLE, credentialName: x, minProtocolVersion: TLSV1_3, maxProtocolVersion: TLSV1_2}",
            ["error invalid-tls-version .minProtocolVersion"],
        ),
        (
            "{mode: SIMPLE, credentialName: x, minProtocolVersion: TLSV1_0}",
            ["warning invalid-tls-version .minProtocolVersion"],
        ),
        ("{mode: SIMPLE, credentialName: x, cipherSuites: [A, B, A]}", ["warning duplicate-cipher .cipherSuites[2]"]),
    ],
)
def test_diagnostics(text: str, expected: list[str]) -> None:
    assert sorted(tls(text)) == sorted(expected)


def test_the_mesh_s_own_certificates_exclude_others() -> None:
    assert "error conflicting-certificates " in tls("{mode: ISTIO_MUTUAL, serverCertificate: /c, privateKey: /k}")


@pytest.mark.parametrize(
    ("value", "hash_is_right", "spki_is_right"),
    [
        ("ab" * 32, True, False),
        ("AB" * 32, True, False),
        (":".join(["ab"] * 32), True, False),
        ("ab:" * 32, False, False),
        ("ag" * 32, False, False),
        ("ab" * 31, False, False),
        ("A" * 43 + "=", False, True),
        ("A" * 44, False, False),
        ("=" * 44, False, False),
        ("", False, False),
    ],
)
def test_pinned_certificates(value: str, hash_is_right: bool, spki_is_right: bool) -> None:
    for name, is_right in (("verifyCertificateHash", hash_is_right), ("verifyCertificateSpki", spki_is_right)):
        text = f"{{mode: SIMPLE, serverCertificate: /c, privateKey: /k, {name}: ['{value}']}}"
        assert tls(text) == ([] if is_right else [f"error invalid-hash .{name}[0]"])


@pytest.mark.parametrize(("length", "expected"), [(255, []), (256, ["error invalid-host spec.trafficPolicy.tls.sni"])])
def test_the_length_of_a_server_name(length: int, expected: list[str]) -> None:
    policy = f"trafficPolicy: {{tls: {{mode: SIMPLE, sni: {'a' * length}}}}}"
    assert short(found("DestinationRule", f"host: a\n{policy}")) == expected


@pytest.mark.parametrize("character", ["\\0", "\\n", "\\x7f"])
def test_no_control_characters_in_a_server_name(character: str) -> None:
    policy = f'trafficPolicy: {{tls: {{mode: SIMPLE, sni: "a{character}b"}}}}'
    assert short(found("DestinationRule", f"host: a\n{policy}")) == ["error invalid-host spec.trafficPolicy.tls.sni"]
