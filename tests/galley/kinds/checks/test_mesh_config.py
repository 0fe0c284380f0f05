"""Rules of a MeshConfig, wherever its fields stand."""

from __future__ import annotations

import pytest

from citadel.identity import TrustDomain
from galley.decoding.documents import decode_file
from tests.galley.kinds.checks.cases import short

HEAD = "apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\n"


def diagnostics_of(text: str) -> list[str]:
    return short(list(decode_file((HEAD + text).encode(), "a.yaml")[1]))


def test_a_good_config_has_no_diagnostics() -> None:
    text = "accessLogFile: /dev/stdout\nproxyHttpPort: 15002\nconnectTimeout: 5s\ndefaultServiceExportTo: ['.']\n"
    assert diagnostics_of(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("proxyListenPort: 0", ["error invalid-port proxyListenPort"]),
        ("proxyListenPort: 15006", ["error duplicate-port proxyListenPort"]),
        ("connectTimeout: 2h", ["error invalid-duration connectTimeout"]),
        ("rootNamespace: a.b", ["error invalid-name rootNamespace"]),
        ("trustDomain: a_b", ["error invalid-host trustDomain"]),
        ("trustDomain: Example.org", ["error invalid-host trustDomain"]),
        ("defaultServiceExportTo: [a_b]", ["error invalid-export-to defaultServiceExportTo[0]"]),
        (
            "defaultHttpRetryPolicy: {attempts: 1, retryOn: x}",
            ["error unknown-condition defaultHttpRetryPolicy.retryOn"],
        ),
        ("dnsRefreshRate: 1ms", ["error invalid-duration dnsRefreshRate"]),
        ("accessLogFormat: '%DURATION'", ["error invalid-format accessLogFormat"]),
        ("accessLogFormat: '%NO_SUCH%'", ["error invalid-format accessLogFormat"]),
        ("tcpKeepalive: {probes: -1}", ["error invalid-number tcpKeepalive.probes"]),
        (
            "defaultConfig: {gatewayTopology: {numTrustedProxies: -1}}",
            ["error invalid-number defaultConfig.gatewayTopology.numTrustedProxies"],
        ),
    ],
)
def test_diagnostics(text: str, expected: list[str]) -> None:
    assert diagnostics_of(text + "\n") == expected
    head, _, rest = expected[0].rpartition(" ")
    assert diagnostics_of(f"spec:\n  {text}\n") == [f"{head} spec.{rest}"]


@pytest.mark.parametrize(
    "text", ["example.org", "a", "0.b-c.d", "Example.org", "a_b", "*", "", "a..b", "a@b", "ä", "a."]
)
def test_what_is_accepted_as_a_trust_domain_can_be_one(text: str) -> None:
    """The aliases are parsed once more when identities are issued, by the same rule."""
    try:
        is_one = bool(TrustDomain(text))
    except ValueError:
        is_one = False
    _, diagnostics = decode_file(f"{HEAD}trustDomainAliases: [b.c, '{text}']\n".encode(), "a.yaml", identities=True)
    assert short(list(diagnostics)) == ([] if is_one else ["error invalid-host trustDomainAliases[1]"])


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ('{"a": "%DURATION%", "b": {"c": ["%REQ(x)%", 1, true, null]}}', True),
        ('{"a": "%DURATION"}', False),
        ('{"b": {"c": ["%NO_SUCH%"]}}', False),
        ("[]", False),
        ("%DURATION%", False),
        ('{"a": NaN}', False),
        ('{"a": 1e999}', False),
        ('{"a": "\\ud800"}', False),
        ("[" * 100_000, False),
    ],
)
def test_a_format_in_json_is_an_object_of_formats(text: str, is_right: bool) -> None:
    expected = [] if is_right else ["error invalid-format accessLogFormat"]
    assert diagnostics_of(f"accessLogEncoding: JSON\naccessLogFormat: '{text}'\n") == expected
