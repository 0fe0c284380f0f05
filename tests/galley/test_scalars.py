"""What plain text means, and how numbers and durations are read."""

from __future__ import annotations

import pytest

from galley.scalars import core_type


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
