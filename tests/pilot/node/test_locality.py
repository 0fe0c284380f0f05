"""Localities as configuration and nodes write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.node.locality import NOWHERE, Locality, read_locality, write_locality


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("eu", Locality("eu")),
        ("eu/eu-1", Locality("eu", "eu-1")),
        ("eu/eu-1/rack", Locality("eu", "eu-1", "rack")),
        ("eu.eu-1.rack", Locality("eu", "eu-1", "rack")),
        ("", NOWHERE),
    ],
)
def test_one_text_for_all_parts(text: str, expected: Locality) -> None:
    assert Locality.parse(text) == expected


@given(st.builds(Locality, st.text(max_size=3), st.text(max_size=3), st.text(max_size=3)))
def test_what_a_node_says_is_read(locality: Locality) -> None:
    written = write_locality(locality)
    assert "" not in written.values()
    assert read_locality(written) == locality


def test_the_names_of_json_are_read_too() -> None:
    assert read_locality({"region": "eu", "subZone": "rack", "zone": None}) == Locality("eu", "", "rack")
