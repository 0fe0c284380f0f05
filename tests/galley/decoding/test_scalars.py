"""Single values: what is taken, what is refused, and the advice that comes with a refusal."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any

import pytest

from galley.decoding.scalars import (
    Decoder,
    decode_any,
    decode_bool,
    decode_duration,
    decode_float,
    decode_int,
    decode_int_or_string,
    decode_string,
    enum_decoder,
    is_null,
)
from galley.frozen import FrozenMap
from tests.galley.documents import decode_value, node_of


class Color(StrEnum):
    RED = "RED"
    DARK_BLUE = "DARK_BLUE"


decode_color = enum_decoder(Color)


@pytest.mark.parametrize(
    ("decoder", "text", "value"),
    [
        (decode_string, "reviews", "reviews"),
        (decode_string, "'1.0'", "1.0"),
        (decode_string, '""', ""),
        (decode_string, "no", "no"),
        (decode_string, "22:22", "22:22"),
        (decode_string, "2026-01-31", "2026-01-31"),
        (decode_string, "!!str 1", "1"),
        (decode_string, "http://reviews/", "http://reviews/"),
        (decode_bool, "true", True),
        (decode_bool, "false", False),
        (decode_int, "80", 80),
        (decode_float, "0.1", 0.1),
        (decode_float, "100", 100.0),
        (decode_duration, "1.5s", timedelta(seconds=1.5)),
        (decode_duration, '"1m"', timedelta(minutes=1)),
        (decode_int_or_string, "80", 80),
        (decode_int_or_string, "'80'", "80"),
        (decode_int_or_string, "http", "http"),
        (decode_color, "DARK_BLUE", Color.DARK_BLUE),
        (decode_any, "{b: [1, 2.5, true, ~, x], a: '1'}", FrozenMap({"a": "1", "b": (1, 2.5, True, None, "x")})),
        (decode_any, "12345678901234", 12345678901234.0),
    ],
)
def test_values_are_taken(decoder: Decoder, text: str, value: Any) -> None:
    decoded, diagnostics = decode_value(decoder, text)
    assert (decoded, type(decoded), diagnostics) == (value, type(value), [])


@pytest.mark.parametrize(
    ("decoder", "text", "message", "hint"),
    [
        (decode_string, "1.0", "takes text, not the number `1.0`", 'quote it: "1.0"'),
        (decode_string, "017", "takes text, not the number `017`", 'quote it: "017"'),
        (decode_string, "true", "takes text, not the boolean `true`", 'quote it: "true"'),
        (decode_string, "[a]", "takes text, not a list", ""),
        (decode_string, "{a: b}", "takes text, not a mapping", ""),
        (decode_bool, "yes", "takes true or false, not the text `yes`", "write true or false"),
        (decode_bool, "'true'", "takes true or false, not the text `true`", "remove the quotes"),
        (decode_bool, "1", "takes true or false, not the number `1`", "write true or false"),
        (decode_bool, "[]", "takes true or false, not a list", ""),
        (decode_int, "017", "takes an integer, not the number `017`", "write 17"),
        (decode_int, "'80'", "takes an integer, not the text `80`", "remove the quotes"),
        (decode_int, "80 // most", "takes an integer, not the text", "comments start with `#`"),
        (decode_int, "80.0", "takes an integer, not the number `80.0`", "decimal integer"),
        (decode_int, "{}", "takes an integer, not a mapping", ""),
        (decode_float, ".nan", "takes a number, not the number `.nan`", "decimal number"),
        (decode_float, "ten", "takes a number, not the text `ten`", "decimal number"),
        (decode_duration, "5", "takes a duration, not the number `5`", "add a unit: 5s"),
        (decode_duration, "5d", "takes a duration, not the text `5d`", "a number and a unit"),
        (decode_duration, "5s // slow", "takes a duration, not the text", "comments start with `#`"),
        (decode_duration, "{}", "takes a duration, not a mapping", ""),
        (decode_int_or_string, "1.5", "takes text, not the number `1.5`", "quote it"),
        (decode_color, "BLUE", "takes one of RED, DARK_BLUE, not the text `BLUE`", "did you mean `DARK_BLUE`?"),
        (decode_color, "red", "takes one of RED, DARK_BLUE, not the text `red`", "did you mean `RED`?"),
        (decode_color, "RED // warm", "takes one of RED, DARK_BLUE", "comments start with `#`"),
        (decode_color, "x" * 100_000, "takes one of", ""),
        (decode_color, "[RED]", "takes one of RED, DARK_BLUE, not a list", ""),
    ],
)
def test_other_values_are_refused_with_advice(decoder: Decoder, text: str, message: str, hint: str) -> None:
    decoded, diagnostics = decode_value(decoder, text)
    assert decoded is None
    assert len(diagnostics) == 1
    assert diagnostics[0].is_error
    assert message in diagnostics[0].message
    assert diagnostics[0].message.startswith("`spec.field` takes")
    assert hint in diagnostics[0].hint
    assert bool(hint) == bool(diagnostics[0].hint)
    assert (diagnostics[0].origin.line, diagnostics[0].origin.column) == (1, 3)
    assert diagnostics[0].origin.field == "spec.field"
    assert len(diagnostics[0].message) < 300


def test_a_comment_in_the_manner_of_other_languages_is_warned_of_in_text() -> None:
    value, diagnostics = decode_value(decode_string, "reviews // the service")
    assert value == "reviews // the service"
    assert [(one.code, one.is_error) for one in diagnostics] == [("comment-in-value", False)]
    assert "#" in diagnostics[0].hint
    assert decode_value(decode_string, "'reviews // the service'")[1] == []


@pytest.mark.parametrize(("text", "null"), [("", True), ("~", True), ("null", True), ('""', False), ("0", False)])
def test_null_is_no_value(text: str, null: bool) -> None:
    assert is_null(node_of(text)) is null
