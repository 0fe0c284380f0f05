from __future__ import annotations

import pytest

from galley.decoding.documents import decode_file
from galley.kinds.security.peer_authentication import MutualTlsMode, PeerAuthentication
from tests.galley.documents import document
from tests.galley.kinds.checks.cases import found, short


def peer(spec: str) -> list[str]:
    return short(found("PeerAuthentication", spec, api_version="security.istio.io/v1"))


@pytest.mark.parametrize(
    "spec",
    [
        "{}",
        "mtls: {mode: PERMISSIVE}",
        "mtls: {mode: DISABLE}",
        "selector: {matchLabels: {app: x}}",
        "{selector: {matchLabels: {app: x}}, portLevelMtls: {8080: {mode: DISABLE}, 65535: {}}}",
    ],
)
def test_good_policies(spec: str) -> None:
    assert peer(spec) == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("portLevelMtls: {8080: {mode: DISABLE}}", "error missing-selector spec.portLevelMtls"),
        ("{selector: {matchLabels: {}}, portLevelMtls: {80: {}}}", "error missing-selector spec.portLevelMtls"),
        *(
            (
                f"{{selector: {{matchLabels: {{app: x}}}}, portLevelMtls: {{{port}: {{}}}}}}",
                f'error invalid-port spec.portLevelMtls["{port}"]',
            )
            for port in ("0", "65536", "http", "-1", "080", "99999999999")
        ),
        ("selector: {matchLabels: {app: '*'}}", 'error invalid-selector spec.selector.matchLabels["app"]'),
        ("selector: {matchLabels: {a b: x}}", 'error invalid-label spec.selector.matchLabels["a b"]'),
    ],
)
def test_bad_policies(spec: str, expected: str) -> None:
    assert peer(spec) == [expected]


def test_strict_needs_a_mesh_with_identities() -> None:
    text = document("PeerAuthentication", "mtls: {mode: STRICT}", api_version="security.istio.io/v1").encode()
    resources, (diagnostic,) = decode_file(text, "a.yaml")
    assert (resources, diagnostic.code, diagnostic.is_error) == ((), "not-enforced", True)
    (resource,), diagnostics = decode_file(text, "a.yaml", identities=True)
    assert diagnostics == ()
    assert isinstance(resource.spec, PeerAuthentication)
    assert resource.spec.mtls is not None
    assert resource.spec.mtls.mode is MutualTlsMode.STRICT


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("DestinationRule", "{host: a, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}"),
        (
            "Gateway",
            "{selector: {a: b}, servers: [{port: {number: 1, name: x, protocol: HTTPS}, hosts: ['*'], "
            "tls: {mode: ISTIO_MUTUAL}}]}",
        ),
    ],
)
def test_what_other_kinds_say_about_identities_holds_where_there_are_some(kind: str, spec: str) -> None:
    text = document(kind, spec).encode()
    assert len(decode_file(text, "a.yaml")[1]) == 1
    assert decode_file(text, "a.yaml", identities=True)[1] == ()


def test_what_does_not_depend_on_identities_stays_unsupported() -> None:
    spec = (
        "{selector: {a: b}, servers: [{port: {number: 1, name: x, protocol: TLS}, hosts: ['*'], "
        "tls: {mode: AUTO_PASSTHROUGH}}]}"
    )
    (diagnostic,) = decode_file(document("Gateway", spec).encode(), "a.yaml", identities=True)[1]
    assert diagnostic.code == "not-supported-yet"
