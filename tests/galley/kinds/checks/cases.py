"""Runs the checks of a kind on a spec and shows what they find, shortly."""

from __future__ import annotations

from galley.decoding.documents import decode_file
from galley.text.diagnostics import Diagnostic
from tests.galley.documents import document


def found(
    kind: str,
    spec: str,
    *,
    name: str = "x",
    api_version: str = "networking.istio.io/v1",
    identities: bool = False,
) -> list[Diagnostic]:
    """All diagnostics of one document with this spec, in a mesh that issues identities or does not."""
    text = document(kind, spec, name=name, api_version=api_version)
    return list(decode_file(text.encode(), "a.yaml", accept_unenforced=True, identities=identities)[1])


def short(diagnostics: list[Diagnostic]) -> list[str]:
    """Each diagnostic as ``error code field``."""
    return [f"{one.severity} {one.code} {one.origin.field}" for one in diagnostics]
