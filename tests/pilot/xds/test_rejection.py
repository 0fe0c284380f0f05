"""Which resources Envoy's text names."""

from __future__ import annotations

import pytest

from pilot.xds.rejection import named_resources
from tests.pilot.xds.dialogue import resource

NAMES = ("0.0.0.0_80", "0.0.0.0_8080", "outbound|9080||reviews", "outbound|9080|v1|reviews", "http.80", "80", "x.y")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Error adding/updating listener(s) 0.0.0.0_8080: no such filter", {"0.0.0.0_8080"}),
        ("Error adding/updating listener(s) 0.0.0.0_80: x, 0.0.0.0_8080: y\n", {"0.0.0.0_80", "0.0.0.0_8080"}),
        ("Error adding/updating cluster(s) outbound|9080|v1|reviews: bad", {"outbound|9080|v1|reviews"}),
        ("Only unique names for routes are supported: 'http.80'", {"http.80"}),
        ("route http.80.", {"http.80"}),
        ("in x.y.z", set()),
        ("Proto constraint validation failed", set()),
        ("", set()),
    ],
)
def test_the_resources_named_in_the_text(text: str, expected: set[str]) -> None:
    assert {r.name for r in named_resources([resource(name, "1") for name in NAMES], text)} == expected
