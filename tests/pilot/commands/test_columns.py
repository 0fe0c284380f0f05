import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.commands.columns import paint_for_terminal, render_columns, shown_cell, shown_json, shown_text
from pilot.commands.proxy_status import render_table


def test_columns_are_as_wide_as_they_must_be() -> None:
    assert render_columns(("A", "LONG"), [("xyz", "1"), ("x", "2")]) == "A     LONG\nxyz   1\nx     2"
    assert render_columns(("A",), []) == "A"


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert paint_for_terminal() is None
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    paint = paint_for_terminal()
    assert paint is not None
    assert (paint("false", "false  "), paint("true", "true  ")) == ("\x1b[31mfalse  \x1b[0m", "true  ")
    assert render_columns(("A", "B"), [("false", "x")], paint) == "A       B\n\x1b[31mfalse\x1b[0m   x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint_for_terminal() is None


@given(st.text() | st.sampled_from(["\x1b[2J", "a\nb", "\x7f", "x" * 3_500_000]))
def test_whatever_a_proxy_says_the_terminal_obeys_none_of_it(text: str) -> None:
    for shown in (shown_cell(text), shown_text(text)):
        assert shown.isprintable()
        assert len(shown) < 5_100
    assert render_columns(("NAME",), [(text,)]).replace("\n", "", 1).isprintable()
    written = shown_json({"text": text})
    assert json.loads(written) == {"text": text}
    assert written.replace("\n", "").isprintable()


def test_a_rejection_with_an_escape_and_a_forged_line_is_shown_as_text() -> None:
    state = {
        "status": "NACK",
        "error": {"resources": ["a\x1b[2J"], "message": "no\n\x1b]0;x\x07", "origins": ["f\r:1"]},
    }
    proxy = {"name": "n\x1b", "namespace": "d", "envoyVersion": "1\x1b", "connectedSeconds": 1, "types": {"CDS": state}}
    assert all(line.isprintable() for line in render_table([proxy]).split("\n"))
