"""Recording complaints, and how what they are about is shown."""

from __future__ import annotations

import pytest

from galley.decoding.complaints import Complaints, description, has_comment, path_of_key, quoted, shown_path
from galley.text.diagnostics import Diagnostic, Origin, Severity
from galley.text.nodes import Scalar
from tests.galley.documents import node_of


def test_complaints_have_the_place_and_the_path() -> None:
    complaints = Complaints("a.yaml")
    node = node_of("x")
    complaints.error("one", "first", node, ".spec.http[0]", "do so")
    complaints.warning("two", "second", node)
    complaints.info("three", "third", node)
    assert complaints.diagnostics == [
        Diagnostic(Severity.ERROR, "one", "first", Origin("a.yaml", 1, 3, "spec.http[0]"), "do so"),
        Diagnostic(Severity.WARNING, "two", "second", Origin("a.yaml", 1, 3)),
        Diagnostic(Severity.INFO, "three", "third", Origin("a.yaml", 1, 3)),
    ]
    assert complaints.errors == 1


def test_errors_are_counted_beyond_what_is_recorded() -> None:
    complaints = Complaints("a.yaml")
    for _ in range(150):
        complaints.error("code", "message", node_of("x"))
    assert (len(complaints.diagnostics), complaints.errors, complaints.are_full) == (100, 150, True)


def test_findings_of_other_stages_count() -> None:
    complaints = Complaints("a.yaml")
    for severity in Severity:
        complaints.add(Diagnostic(severity, "code", "message", Origin("a.yaml")))
    assert (len(complaints.diagnostics), complaints.errors) == (3, 1)


def test_what_is_not_enforced_is_an_error_unless_accepted() -> None:
    strict, lenient = Complaints("a.yaml"), Complaints("a.yaml", accept_unenforced=True)
    for complaints in (strict, lenient):
        complaints.unenforced("it stands open", node_of("x"))
    assert (strict.errors, lenient.errors) == (1, 0)
    assert lenient.diagnostics[0].severity is Severity.WARNING


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x", "the text `x`"),
        ("'1'", "the text `1`"),
        ("1", "the number `1`"),
        ("1.5", "the number `1.5`"),
        ("true", "the boolean `true`"),
        ("~", "null (no value)"),
        ("[]", "a list"),
        ("{}", "a mapping"),
    ],
)
def test_nodes_are_described_as_a_reader_sees_them(text: str, shown: str) -> None:
    assert description(node_of(text)) == shown


def test_texts_are_shown_on_one_line_and_cut() -> None:
    assert quoted("a\nb\x1b") == r"`a\nb\x1b`"
    assert quoted("é") == "`é`"
    assert len(quoted("x" * 1_000_000)) == 62
    assert len(quoted("\n" * 1_000_000)) == 62


def test_paths_are_shown_between_backquotes() -> None:
    assert shown_path(".spec.http[0]") == "`spec.http[0]`"
    assert shown_path("") == "the document"
    key = node_of("a.b/c")
    assert isinstance(key, Scalar)
    assert path_of_key("spec.labels", key) == 'spec.labels["a.b/c"]'


@pytest.mark.parametrize(
    ("text", "comment"),
    [("80 // most", True), ("// all", True), ("http://x", False), ("'80 // most'", False), ("a//b", False)],
)
def test_comments_of_other_languages_are_told_from_urls(text: str, comment: bool) -> None:
    node = node_of(text)
    assert isinstance(node, Scalar)
    assert has_comment(node) is comment
