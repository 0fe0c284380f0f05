"""How what a user wrote is shown, and the name that was probably meant."""

from __future__ import annotations

import pytest

from galley.text.wording import description, has_comment, nearest, quoted, shown_path
from tests.galley.documents import node_of


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


@pytest.mark.parametrize(
    ("text", "comment"),
    [("80 // most", True), ("// all", True), ("http://x", False), ("'80 // most'", False), ("a//b", False)],
)
def test_comments_of_other_languages_are_told_from_urls(text: str, comment: bool) -> None:
    assert has_comment(node_of(text)) is comment


NAMES = ["hosts", "http", "perTryTimeout", "exportTo"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("htp", "http"), ("pertrytimeout", "perTryTimeout"), ("host", "hosts"), ("export", "exportTo"), ("zebra", "")],
)
def test_the_most_similar_name_is_found(name: str, expected: str) -> None:
    assert nearest(name, NAMES) == expected


def test_a_name_of_absurd_length_is_not_compared() -> None:
    assert nearest("h" * 1_000_000, NAMES) == ""
