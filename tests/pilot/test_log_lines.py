"""Whatever strangers put into it, a record of the log is one printable line of bounded length."""

from __future__ import annotations

import logging
import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from pilot.log_lines import LONGEST_LINE, LineFormatter

HOSTILE = st.text() | st.sampled_from(
    ["\n2026-01-01 ERROR forged", "\x1b[2J\x1b]0;title\x07", "\r", "\x9b31m", "\u2028next", "\u202eback", "\x7f", "\0"]
)


def written(message: str, *arguments: object, error: Exception | None = None) -> str:
    trace = None
    if error is not None:
        try:
            raise error
        except type(error):
            trace = sys.exc_info()
    record = logging.LogRecord("pilot", logging.WARNING, __file__, 1, message, arguments, trace)
    return LineFormatter().format(record)


def controls(text: str) -> list[str]:
    return [char for char in text if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp")]


@given(st.lists(HOSTILE, max_size=4).map("".join))
def test_a_record_is_one_printable_line(text: str) -> None:
    line = written("%s rejected CDS: %s", "node", text)
    assert controls(line) == []
    assert len(line) <= LONGEST_LINE + 60


@given(HOSTILE)
def test_no_line_of_a_traceback_looks_like_a_record(text: str) -> None:
    first, *others = written("it failed", error=ValueError(text)).split("\n")
    assert first.endswith(" WARNING it failed")
    assert others
    for line in others:
        assert line.startswith("  | ")
        assert controls(line) == []


def test_what_is_too_long_is_counted() -> None:
    line = written("%s", "x" * 3_500_000)
    assert len(line) < LONGEST_LINE + 60
    assert line.endswith(" more characters")
