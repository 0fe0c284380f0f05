"""Reports for people and for programs."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from galley.commands.report import count, plural, render_json, render_line, render_text
from galley.text.diagnostics import Diagnostic, Origin, Severity


def diagnostic(line: int, column: int, *, severity: Severity = Severity.ERROR, hint: str = "") -> Diagnostic:
    return Diagnostic(severity, "a-code", "it is wrong", Origin("a.yaml", line, column, "spec.x"), hint)


def carets(content: str, line: int, column: int) -> str:
    """What the carets of a report underline, in the line above them."""
    text = render_text([diagnostic(line, column)], {"a.yaml": content.encode()})
    above, below = text.splitlines()[-2:]
    start = below.index("^")
    return above[start : start + below.count("^")]


def test_a_report_shows_the_lines_and_a_caret() -> None:
    content = b"spec:\n  http: []\n  htp: []\n"
    text = render_text([diagnostic(3, 3, hint="did you mean `http`?")], {"a.yaml": content})
    assert text == dedent(
        """\
        error[a-code]: it is wrong
         --> a.yaml:3:3 (spec.x)
          |
        2 |   http: []
        3 |   htp: []
          |   ^^^
          = help: did you mean `http`?"""
    )


def test_line_numbers_are_aligned() -> None:
    content = b"\n" * 8 + b"a: 1\nb: 2\n"
    assert " 9 | a: 1\n10 | b: 2\n   | ^" in render_text([diagnostic(10, 1)], {"a.yaml": content})


def test_several_reports_are_apart_and_severities_are_named() -> None:
    reports = [diagnostic(1, 1, severity=severity) for severity in Severity]
    blocks = render_text(reports, {}).split("\n\n")
    assert [block.split("[")[0] for block in blocks] == ["error", "warning", "info"]


@pytest.mark.parametrize(
    ("content", "line", "column", "underlined"),
    [
        ("htp: []", 1, 1, "htp"),
        ("a: {htp: 1, b: 2}", 1, 5, "htp"),
        ('"a b": 1', 1, 1, '"a b"'),
        ("a: some text # comment", 1, 4, "some text"),
        ("a: 80 // most", 1, 4, "80 // most"),
        ("a: {b: some text, c: 1}", 1, 8, "some text"),
        ("a: [1, two, 3]", 1, 8, "two"),
        ("a: 'it''s' # x", 1, 4, "'it''s'"),
        ('a: "say \\"x\\"" # x', 1, 4, '"say \\"x\\""'),
        ("- ", 1, 3, ""),
        ("名前: x\n", 1, 5, "x"),
    ],
)
def test_the_carets_underline_the_token(content: str, line: int, column: int, underlined: str) -> None:
    if "名" in content:  # each of the two characters takes two columns, so the text is shifted below the caret
        text = render_text([diagnostic(line, column)], {"a.yaml": content.encode()})
        assert text.splitlines()[-1] == "  |" + " " * 7 + "^"
    else:
        assert carets(content, line, column) == underlined


def test_places_beyond_the_file_have_no_excerpt() -> None:
    assert render_text([diagnostic(7, 1)], {"a.yaml": b"a: 1"}).count("\n") == 1
    assert render_text([diagnostic(7, 1)], {}).count("\n") == 1
    assert "^" in render_text([diagnostic(1, 500)], {"a.yaml": b"a: 1"})


def test_a_very_long_line_is_cut_around_the_place() -> None:
    content = b"a: [" + b"x, " * 100_000 + b"HERE, " + b"y, " * 1000 + b"]"
    text = render_text([diagnostic(1, 300_005)], {"a.yaml": content})
    assert max(map(len, text.splitlines())) < 130
    above, below = text.splitlines()[-2:]
    start = below.index("^")
    assert above[start : start + below.count("^")] == "HERE"


def test_nothing_that_a_terminal_obeys_gets_through() -> None:
    hostile = "\x1b[2J\x07\u202e\r"
    one = Diagnostic(Severity.ERROR, "x", hostile, Origin(hostile, 1, 1, hostile), hostile)
    content = {hostile: f"a: '{hostile}'\n".encode()}
    for text in (render_text([one], content), render_line(one), render_json([one])):
        assert not set(text) & {"\x1b", "\x07", "\u202e", "\r"}


def test_colour_surrounds_the_same_text() -> None:
    content = {"a.yaml": b"a: 1\n"}
    one = diagnostic(1, 1, hint="do so")
    colored = render_text([one], content, color=True)
    assert "\x1b[1;31merror[a-code]\x1b[0m" in colored
    plain = colored
    for code in ("\x1b[1;31m", "\x1b[0m", "\x1b[1m", "\x1b[1;34m", "\x1b[36m"):
        plain = plain.replace(code, "")
    assert plain == render_text([one], content)


def test_lines_are_counted_as_yaml_counts_them() -> None:
    content = "a: 1\r\nb: 2\rc: 3\u2028d: 4\n".encode()
    assert "4 | d: 4\n  | ^" in render_text([diagnostic(4, 1)], {"a.yaml": content})


def test_json_has_one_object_for_each() -> None:
    assert json.loads(render_json([diagnostic(3, 5, hint="do so")])) == [
        {
            "severity": "error",
            "code": "a-code",
            "message": "it is wrong",
            "hint": "do so",
            "file": "a.yaml",
            "line": 3,
            "column": 5,
            "field": "spec.x",
        }
    ]
    assert json.loads(render_json([])) == []


def test_a_line_for_a_log() -> None:
    assert render_line(diagnostic(3, 5)) == "a.yaml:3:5: error[a-code]: it is wrong"
    assert render_line(diagnostic(3, 5, hint="do so")) == "a.yaml:3:5: error[a-code]: it is wrong (do so)"


@pytest.mark.parametrize(
    ("severities", "text"),
    [
        ([], ""),
        (["error"], "1 error"),
        (["warning", "error", "error"], "2 errors and 1 warning"),
        (["info", "warning", "error", "info"], "1 error, 1 warning and 2 notes"),
    ],
)
def test_diagnostics_are_counted_by_severity(severities: list[str], text: str) -> None:
    assert count(diagnostic(1, 1, severity=Severity(severity)) for severity in severities) == text


def test_nouns_follow_their_numbers() -> None:
    assert [plural(number, "file") for number in (0, 1, 1234)] == ["0 files", "1 file", "1,234 files"]
