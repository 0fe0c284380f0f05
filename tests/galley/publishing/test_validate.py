"""Validation of files by themselves and together."""

from __future__ import annotations

from galley.publishing.validate import validate
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


def test_references_between_files_are_checked_although_a_file_is_broken() -> None:
    rule = document(
        "VirtualService", "hosts: [a, a.default.svc.cluster.local]\nhttp: [{route: [{destination: {host: b}}]}]"
    ).encode()
    (lost,) = (one for one in validate({"a.yaml": rule}).diagnostics if one.code == "unknown-host")
    assert lost.hint == ""
    found = validate({"a.yaml": rule, "b.yaml": BROKEN}).diagnostics
    assert [(one.origin.file, one.code) for one in found] == [
        ("b.yaml", "unknown-field"),
        ("a.yaml", "duplicate-host"),
        ("a.yaml", "unknown-host"),
    ]
    assert found[2].hint == "unless it stands in a document that has errors"


def test_a_policy_that_is_not_enforced_may_be_accepted() -> None:
    assert validate({"a.yaml": POLICY}).has_errors
    assert codes({"a.yaml": POLICY}, accept_unenforced=True) == [("a.yaml", "not-enforced")]
    assert not validate({"a.yaml": POLICY}, accept_unenforced=True).has_errors


def test_a_file_that_cannot_be_read_is_an_error() -> None:
    validation = validate({}, unreadable={"a.yaml": "Permission denied"})
    assert validation.has_errors
    assert "Permission denied" in validation.diagnostics[0].message
