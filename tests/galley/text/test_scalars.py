"""What plain text means, and how numbers and durations are read."""

from __future__ import annotations

import pytest

from galley.text.scalars import core_type, parse_duration, parse_float, parse_int


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, "null") for text in ("", "~", "null", "Null", "NULL")),
        *((text, "bool") for text in ("true", "True", "FALSE")),
        *((text, "int") for text in ("0", "017", "-3", "+3", "0x1F", "0o17")),
        *((text, "float") for text in ("1.0", "1e3", ".5", "1.", "-.inf", ".NaN", "+1.5E-3")),
        *((text, "str") for text in ("no", "yes", "on", "tRUE", "22:22", "1_000", "v1", "1.0.0", "-", ".", "5s", "0x")),
    ],
)
def test_the_type_of_plain_text_is_that_of_yaml_1_2(text: str, expected: str) -> None:
    assert core_type(text) == expected


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("-0", 0), ("80", 80), ("-5", -5), ("4294967295", 4294967295)])
def test_decimal_integers_are_read(text: str, number: int) -> None:
    assert parse_int(text) == number


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("017", "write 17"),
        ("1_000", "write 1000"),
        ("0x10", "decimal integer"),
        ("1.0", "decimal integer"),
        ("1e3", "decimal integer"),
        ("", "decimal integer"),
        ("4294967296", "between"),
        ("9" * 100_000, "between"),
    ],
)
def test_other_integers_are_refused_with_advice(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        parse_int(text)


@pytest.mark.parametrize(("text", "number"), [("0.1", 0.1), ("100", 100.0), ("-1.5e2", -150.0), (".5", 0.5)])
def test_decimal_numbers_are_read(text: str, number: float) -> None:
    assert parse_float(text) == number


@pytest.mark.parametrize("text", [".inf", "-.inf", ".nan", "1e999", "0x10", "1_0", "ten", "", "9" * 100_000])
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="decimal number"):
        parse_float(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5s", 5),
        ("1.5s", 1.5),
        (".5s", 0.5),
        ("0.000001s", 0.000001),
        ("250ms", 0.25),
        ("1m", 60),
        ("1h30m", 5400),
        ("1m1.5s", 61.5),
        ("10us", 0.00001),
        ("10µs", 0.00001),
        ("+1s", 1),
        ("0s", 0),
        ("0", 0),
        ("8760h", 31_536_000),
    ],
)
def test_durations_are_read_as_go_writes_them(text: str, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("5", "add a unit: 5s"),
        ("1.5", "add a unit"),
        ("-1s", "negative"),
        ("1d", "number and a unit"),
        ("s", "number and a unit"),
        ("5 s", "number and a unit"),
        ("1.2.3s", "number and a unit"),
        ("", "number and a unit"),
        ("9999999h", "292 years"),
        ("1s" * 100_000, "number and a unit"),
    ],
)
def test_other_durations_are_refused_with_advice(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=advice):
        parse_duration(text)
