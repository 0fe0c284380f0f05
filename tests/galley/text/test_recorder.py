"""Recording diagnostics at nodes and at fields."""

from __future__ import annotations

import pytest

from galley.decoding.documents import decode_file
from galley.text.compose import compose
from galley.text.diagnostics import Diagnostic, Origin, Severity
from galley.text.recorder import LIMIT, Recorder
from galley.text.wording import COMMENT_HINT
from tests.galley.documents import document, node_of

START = Origin("a.yaml")


def test_what_is_recorded_at_a_node_has_its_line_and_path() -> None:
    recorder, node = Recorder(START), node_of("x")
    recorder.error_at(node, "one", "first", ".spec.http[0]", "do so")
    recorder.warn_at(node, "two", "second")
    recorder.advise_at(node, "three", "third")
    assert recorder.diagnostics == [
        Diagnostic(Severity.ERROR, "one", "first", Origin("a.yaml", 1, 3, "spec.http[0]"), "do so"),
        Diagnostic(Severity.WARNING, "two", "second", Origin("a.yaml", 1, 3)),
        Diagnostic(Severity.INFO, "three", "third", Origin("a.yaml", 1, 3)),
    ]
    assert recorder.errors == 1


def test_what_is_recorded_at_a_field_has_the_line_of_the_field_or_of_its_nearest_ancestor() -> None:
    (read,), _ = compose(b"spec:\n  host: a\n  port:\n    number: 1 // one\n", "a.yaml")
    recorder = Recorder(START, read.root)
    recorder.error("spec.host", "one", "must not be", "do so")
    recorder.warn("spec.port.name", "two", "is missing")
    recorder.advise("spec.http[3]", "three", "is new")
    recorder.error("spec.port.number", "four", "is no number", "do so")
    recorder.warn("spec.port.number", "five", "is odd", "do so")
    assert recorder.diagnostics == [
        Diagnostic(Severity.ERROR, "one", "`spec.host` must not be", Origin("a.yaml", 2, 9, "spec.host"), "do so"),
        Diagnostic(Severity.WARNING, "two", "`spec.port.name` is missing", Origin("a.yaml", 4, 5, "spec.port.name")),
        Diagnostic(Severity.INFO, "three", "`spec.http[3]` is new", Origin("a.yaml", 2, 3, "spec.http[3]")),
        Diagnostic(
            Severity.ERROR,
            "four",
            "`spec.port.number` is no number",
            Origin("a.yaml", 4, 13, "spec.port.number"),
            COMMENT_HINT,
        ),
        Diagnostic(
            Severity.WARNING, "five", "`spec.port.number` is odd", Origin("a.yaml", 4, 13, "spec.port.number"), "do so"
        ),
    ]


def test_without_a_document_a_field_has_the_line_of_the_resource() -> None:
    assert Recorder(Origin("a.yaml", 7, 1)).origin_of("spec.host") == Origin("a.yaml", 7, 1, "spec.host")


def test_errors_are_counted_beyond_what_is_recorded() -> None:
    recorder = Recorder(START)
    for _ in range(150):
        recorder.error_at(node_of("x"), "code", "message")
    assert (len(recorder.diagnostics), recorder.errors, recorder.is_full) == (LIMIT, 150, True)


def test_what_others_found_counts() -> None:
    recorder = Recorder(START)
    for severity in Severity:
        recorder.add(Diagnostic(severity, "code", "message", START))
    assert (len(recorder.diagnostics), recorder.errors) == (3, 1)


EGRESS = "- {hosts: ['./a.example.com'], port: {number: 1, protocol: HTTP, name: x, targetPort: 3}}"


@pytest.mark.parametrize("mistake", ["- {hots: [x]}", "- {hosts: [no-namespace]}"])
@pytest.mark.parametrize("warnings", [LIMIT - 1, LIMIT, LIMIT + 1])
def test_no_number_of_warnings_hides_an_error(warnings: int, mistake: str) -> None:
    """Or the document would be accepted without what is wrong, or not be in force with nobody knowing."""
    entries = [EGRESS.replace("number: 1,", f"number: {number},") for number in range(1, warnings + 1)]
    text = document("Sidecar", "\n".join(("egress:", *entries, mistake)))
    resources, diagnostics = decode_file(text.encode(), "a.yaml")
    assert resources == ()
    (error,) = (one for one in diagnostics if one.is_error)
    assert error.origin.line == text.count("\n")


def test_what_is_not_enforced_is_an_error_unless_accepted() -> None:
    strict, lenient = Recorder(START), Recorder(START, accept_unenforced=True)
    for recorder in (strict, lenient):
        recorder.unenforced_at(node_of("x"), "it stands open")
    assert (strict.errors, lenient.errors) == (1, 0)
    assert lenient.diagnostics[0].severity is Severity.WARNING
