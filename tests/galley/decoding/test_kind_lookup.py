"""apiVersion and kind: which documents are read, and what is said of the others."""

from __future__ import annotations

import pytest

from galley.decoding.kind_lookup import find_kind
from galley.kinds import KINDS, KindSpec
from galley.text.compose import compose
from galley.text.diagnostics import Diagnostic, Origin, Severity
from galley.text.nodes import Mapping
from galley.text.recorder import Recorder


def found(text: str, *, accept_unenforced: bool = False) -> tuple[KindSpec | None, list[Diagnostic]]:
    documents, diagnostics = compose(text.encode(), "a.yaml")
    assert diagnostics == ()
    root = documents[0].root
    assert isinstance(root, Mapping)
    recorder = Recorder(Origin("a.yaml"), accept_unenforced=accept_unenforced)
    return find_kind(root, recorder), recorder.diagnostics


def the_diagnostic(api_version: str, kind: str) -> Diagnostic:
    _, diagnostics = found(f"apiVersion: {api_version}\nkind: {kind}\n")
    assert len(diagnostics) == 1, diagnostics
    return diagnostics[0]


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha3"])
@pytest.mark.parametrize(
    "kind",
    ["VirtualService", "DestinationRule", "Gateway", "ServiceEntry", "WorkloadEntry", "WorkloadGroup", "Sidecar"],
)
def test_the_traffic_kinds_are_read_in_all_versions(version: str, kind: str) -> None:
    spec, diagnostics = found(f"apiVersion: networking.istio.io/{version}\nkind: {kind}\n")
    assert spec is KINDS["networking.istio.io", kind]
    assert spec.type is not None
    assert diagnostics == []


def test_a_kubernetes_service_and_mesh_config_are_read() -> None:
    assert found("apiVersion: v1\nkind: Service\n") == (KINDS["", "Service"], [])
    spec = KINDS["mesh.istio.io", "MeshConfig"]
    assert found("apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\n") == (spec, [])


@pytest.mark.parametrize("version", ["networking.istio.io/v2", "networking.istio.io/v1alpha1", "v2"])
def test_an_unknown_version_is_an_error_that_names_the_accepted_ones(version: str) -> None:
    kind = "Service" if version == "v2" else "VirtualService"
    error = the_diagnostic(version, kind)
    assert (error.severity, error.code, error.origin.line) == (Severity.ERROR, "unsupported-version", 1)
    assert "v1" in error.hint


@pytest.mark.parametrize("version", ["networking.istio.io", "a/b/v1", "/v1", "v1/", "x", "networking.istio.io/v1.2"])
def test_a_malformed_version_is_an_error_that_shows_the_right_one(version: str) -> None:
    error = the_diagnostic(version, "VirtualService")
    assert (error.severity, error.code) == (Severity.ERROR, "unsupported-version")
    assert error.hint == "write apiVersion: networking.istio.io/v1"


@pytest.mark.parametrize(
    ("text", "field", "hint"),
    [
        ("apiVersion: v1", "kind", ""),
        ("apiVersion: v1\nkind:", "kind", ""),
        ("apiVersion: v1\nKind: Service", "kind", "is `Kind` meant to be `kind`?"),
        ("kind: Gateway", "apiVersion", "write apiVersion: networking.istio.io/v1"),
        ("apiversion: v1\nkind: Unheard", "apiVersion", "is `apiversion` meant to be `apiVersion`?"),
    ],
)
def test_a_document_without_kind_or_version_is_an_error(text: str, field: str, hint: str) -> None:
    spec, diagnostics = found(text)
    assert spec is None
    assert [(one.code, one.origin.field, one.hint) for one in diagnostics] == [("missing-field", field, hint)]


@pytest.mark.parametrize("text", ["apiVersion: 1\nkind: Service", "apiVersion: v1\nkind: [Service]"])
def test_kind_and_version_are_text(text: str) -> None:
    spec, diagnostics = found(text)
    assert spec is None
    assert [one.code for one in diagnostics] == ["wrong-type"]


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("apps/v1", "Deployment"),
        ("v1", "ServiceAccount"),
        ("v1", "ConfigMap"),
        ("v1", "Namespace"),
        ("v1", "Pod"),
        ("v1", "Secret"),
        ("batch/v1", "Job"),
        ("networking.k8s.io/v1", "Ingress"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ],
)
def test_other_kinds_of_kubernetes_are_passed_over_with_a_note(api_version: str, kind: str) -> None:
    note = the_diagnostic(api_version, kind)
    assert (note.severity, note.code) == (Severity.INFO, "ignored-kind")


@pytest.mark.parametrize(
    ("api_version", "kind", "hint"),
    [
        ("networking.istio.io/v1", "VirtualServce", "did you mean `VirtualService`?"),
        ("networking.istio.io/v1", "virtualservice", "did you mean `VirtualService`?"),
        ("v1", "Servce", "did you mean `Service`?"),
        ("v1", "VirtualService", "write apiVersion: networking.istio.io/v1"),
        ("networking.istio.oi/v1", "VirtualService", "Istio's VirtualService has apiVersion: networking.istio.io/v1"),
        ("gateway.networking.k8s.io/v1", "Gateway", "Istio's Gateway has apiVersion: networking.istio.io/v1"),
        ("gateway.networking.k8s.io/v1", "HTTPRoute", ""),
        ("example.com/v1", "Thing", ""),
    ],
)
def test_an_unknown_kind_is_a_warning_with_a_suggestion(api_version: str, kind: str, hint: str) -> None:
    warning = the_diagnostic(api_version, kind)
    assert (warning.severity, warning.code, warning.origin.line) == (Severity.WARNING, "unknown-kind", 2)
    assert warning.hint == hint


@pytest.mark.parametrize("kind", ["WasmPlugin", "ProxyConfig"])
def test_a_known_kind_that_is_not_supported_is_a_warning(kind: str) -> None:
    row = next(row for row in KINDS.values() if row.kind == kind)
    warning = the_diagnostic(row.api_versions[0], kind)
    assert (warning.severity, warning.code) == (Severity.WARNING, "not-supported-yet")


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("security.istio.io/v1", "AuthorizationPolcy"),  # a typo must not open a door either
        ("security.istio.io/v1", "Whatever"),
        ("networking.istio.io/v1", "AuthorizationPolicy"),
    ],
)
def test_a_security_policy_is_an_error_unless_accepted(api_version: str, kind: str) -> None:
    error = the_diagnostic(api_version, kind)
    assert (error.severity, error.code) == (Severity.ERROR, "not-enforced")
    _, accepted = found(f"apiVersion: {api_version}\nkind: {kind}\n", accept_unenforced=True)
    assert [(one.severity, one.code) for one in accepted] == [(Severity.WARNING, "not-enforced")]
