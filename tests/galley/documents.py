"""Documents for tests of decoding: the frame around the few lines that a test is about."""

from __future__ import annotations

from textwrap import dedent, indent
from typing import Any

from galley.decoding.documents import decode_file
from galley.decoding.scalars import Decoder
from galley.meta import Resource
from galley.text.compose import compose
from galley.text.diagnostics import Diagnostic, Origin
from galley.text.nodes import Node
from galley.text.recorder import Recorder


def node_of(text: str) -> Node:
    """The node of a value, which may be null, written in flow style or as a scalar."""
    documents, diagnostics = compose(("- " + text).encode(), "a.yaml")
    assert diagnostics == ()
    root = documents[0].root
    return root.items[0]  # type: ignore[union-attr]


def decode_value(decoder: Decoder, text: str) -> tuple[Any, list[Diagnostic]]:
    """What a decoder makes of a value written as YAML (flow style or a scalar)."""
    recorder = Recorder(Origin("a.yaml"))
    return decoder(node_of(text), ".spec.field", recorder), recorder.diagnostics


def document(kind: str, spec: str, *, name: str = "reviews", api_version: str = "networking.istio.io/v1") -> str:
    """A document whose ``spec`` is the given block."""
    head = f"apiVersion: {api_version}\nkind: {kind}\nmetadata:\n  name: {name}\nspec:\n"
    return head + indent(dedent(spec).strip("\n"), "  ") + "\n"


def accepted(text: str) -> Resource[Any]:
    """The one resource of a text that nothing is wrong with."""
    resources, diagnostics = decode_file(text.encode(), "a.yaml")
    assert diagnostics == ()
    assert len(resources) == 1
    return resources[0]


def the_diagnostic(text: str, *, accept_unenforced: bool = False) -> Diagnostic:
    """The one diagnostic of a text."""
    _, diagnostics = decode_file(text.encode(), "a.yaml", accept_unenforced=accept_unenforced)
    assert len(diagnostics) == 1, diagnostics
    return diagnostics[0]
