import sys

import pytest

from pilot.commands.columns import paint_for_terminal, render_columns


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
