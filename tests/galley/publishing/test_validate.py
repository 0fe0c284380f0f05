"""Validation of files by themselves and together."""

from __future__ import annotations

import pytest

from galley.publishing import validate as validate_module
from galley.publishing.validate import validate
from galley.snapshot import ConfigSnapshot
from galley.text.diagnostics import Diagnostic, Origin, Severity
from tests.galley.documents import document

SERVER = "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}"
GATEWAY = document("Gateway", f"selector: {{istio: ingressgateway}}\nservers: [{SERVER}]", name="edge").encode()
BROKEN = document("Gateway", "selectr: {}", name="edge").encode()
POLICY = document("PeerAuthentication", "mtls: {mode: STRICT}", api_version="security.istio.io/v1").encode()


def codes(files: dict[str, bytes], *, accept_unenforced: bool = False) -> list[tuple[str, str]]:
    validation = validate(files, accept_unenforced=accept_unenforced)
    return [(diagnostic.origin.file, diagnostic.code) for diagnostic in validation.diagnostics]


def test_nothing_is_wrong_with_good_files() -> None:
    validation = validate({"a.yaml": GATEWAY})
    assert validation.diagnostics == ()
    assert not validation.has_errors
    assert [resource.name for resource in validation.resources] == ["edge"]


def test_every_file_is_reported() -> None:
    assert codes({"a.yaml": BROKEN, "b.yaml": GATEWAY, "c.yaml": b"["}) == [
        ("a.yaml", "unknown-field"),
        ("c.yaml", "yaml-syntax"),
    ]


def test_a_resource_in_two_files_is_an_error() -> None:
    assert codes({"a.yaml": GATEWAY, "b.yaml": GATEWAY}) == [("b.yaml", "duplicate-resource")]


def test_references_between_files_are_checked_unless_a_file_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(snapshot: ConfigSnapshot) -> tuple[Diagnostic, ...]:
        names = ", ".join(resource.name for resource in snapshot)
        return (Diagnostic(Severity.WARNING, "unknown-gateway", names, Origin("a.yaml")),)

    monkeypatch.setattr(validate_module, "check_references", check)
    assert codes({"a.yaml": GATEWAY}) == [("a.yaml", "unknown-gateway")]
    assert codes({"a.yaml": BROKEN}) == [("a.yaml", "unknown-field")]


def test_a_policy_that_is_not_enforced_may_be_accepted() -> None:
    assert validate({"a.yaml": POLICY}).has_errors
    assert codes({"a.yaml": POLICY}, accept_unenforced=True) == [("a.yaml", "not-enforced")]
    assert not validate({"a.yaml": POLICY}, accept_unenforced=True).has_errors


def test_a_file_that_cannot_be_read_is_an_error() -> None:
    validation = validate({}, unreadable={"a.yaml": "Permission denied"})
    assert validation.has_errors
    assert "Permission denied" in validation.diagnostics[0].message
