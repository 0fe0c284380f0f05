"""The name that was probably meant."""

from __future__ import annotations

import pytest

from galley.decoding.suggestions import nearest

NAMES = ["hosts", "http", "perTryTimeout", "exportTo"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("htp", "http"), ("pertrytimeout", "perTryTimeout"), ("host", "hosts"), ("export", "exportTo"), ("zebra", "")],
)
def test_the_most_similar_name_is_found(name: str, expected: str) -> None:
    assert nearest(name, NAMES) == expected


def test_a_name_of_absurd_length_is_not_compared() -> None:
    assert nearest("h" * 1_000_000, NAMES) == ""
