"""Rules of a MeshConfig, wherever its fields stand."""

from __future__ import annotations

import pytest

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
        ("defaultServiceExportTo: [a_b]", ["error invalid-export-to defaultServiceExportTo[0]"]),
        (
            "defaultHttpRetryPolicy: {attempts: 1, retryOn: x}",
            ["error unknown-condition defaultHttpRetryPolicy.retryOn"],
        ),
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
