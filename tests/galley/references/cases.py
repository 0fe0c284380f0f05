"""Small meshes and what is found in them."""

from __future__ import annotations

from galley.decoding.documents import decode_file
from galley.meta import Resource
from galley.references import check_references
from galley.snapshot import build_snapshot
from galley.text.diagnostics import Diagnostic, Severity
from tests.galley.documents import document


def a_service(name: str, *, namespace: str = "default", ports: str = "{port: 9080, name: http}") -> str:
    return (
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\n"
        f"spec: {{ports: [{ports}], selector: {{app: {name}}}}}\n"
    )


def a_resource(kind: str, spec: str, *, name: str = "x", namespace: str = "default") -> str:
    text = document(kind, spec, name=name)
    return text.replace(f"  name: {name}\n", f"  name: {name}\n  namespace: {namespace}\n", 1)


def diagnose(*documents: str) -> list[Diagnostic]:
    """What is found across documents, each of which is acceptable by itself."""
    resources: list[Resource[object]] = []
    for number, text in enumerate(documents):
        decoded, diagnostics = decode_file(text.encode(), f"{number}.yaml")
        assert not [one for one in diagnostics if one.is_error]
        resources += decoded
    snapshot, duplicates = build_snapshot(resources)
    assert duplicates == ()
    found = list(check_references(snapshot))
    assert all(one.severity is Severity.WARNING for one in found)
    return found


def short(*documents: str) -> list[str]:
    """Each diagnostic as ``file code field``."""
    return [f"{one.origin.file} {one.code} {one.origin.field}" for one in diagnose(*documents)]
