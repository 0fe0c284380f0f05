from __future__ import annotations

from typing import Any

import pytest

from galley.frozen import FrozenMap
from galley.kinds.values import StringMatch
from pilot.envoy.route_match import render_route_match
from pilot.ir.route import RouteMatchPlan
from tests.rendered import as_json


def rendered(**traits: Any) -> dict[str, Any]:
    return as_json(render_route_match(RouteMatchPlan(**traits)))


def header(match: StringMatch, *, inverted: bool = False) -> dict[str, Any]:
    headers = FrozenMap({"end-user": match})
    (found,) = rendered(**{"without_headers" if inverted else "headers": headers})["headers"]
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (None, {"prefix": "/"}),
        (StringMatch(), {"prefix": "/"}),
        (StringMatch(prefix=""), {"prefix": "/"}),
        (StringMatch(regex="*"), {"prefix": "/"}),
        (StringMatch(prefix="/static"), {"prefix": "/static"}),
        (StringMatch(exact="/login"), {"path": "/login"}),
        (StringMatch(regex="/v[12]/.*"), {"safeRegex": {"regex": "/v[12]/.*"}}),
    ],
)
def test_the_path(uri: StringMatch | None, expected: dict[str, Any]) -> None:
    assert rendered(uri=uri) == expected


def test_the_case_of_the_path_may_be_ignored() -> None:
    assert rendered(uri=StringMatch(prefix="/A"), ignore_case=True) == {"prefix": "/A", "caseSensitive": False}


def test_headers_are_compared() -> None:
    assert header(StringMatch(exact="jason")) == {"name": "end-user", "stringMatch": {"exact": "jason"}}
    assert header(StringMatch(exact="")) == {"name": "end-user", "stringMatch": {"exact": ""}}
    assert header(StringMatch(prefix="j")) == {"name": "end-user", "stringMatch": {"prefix": "j"}}
    assert header(StringMatch(regex="j.*")) == {"name": "end-user", "stringMatch": {"safeRegex": {"regex": "j.*"}}}


@pytest.mark.parametrize("anything", [StringMatch(), StringMatch(regex="*"), StringMatch(prefix="")])
def test_any_value_means_that_the_header_is_there(anything: StringMatch) -> None:
    assert header(anything) == {"name": "end-user", "presentMatch": True}
    assert header(anything, inverted=True) == {"name": "end-user", "presentMatch": True, "invertMatch": True}


def test_a_request_without_the_header_passes_an_inverted_match() -> None:
    assert header(StringMatch(exact="jason"), inverted=True) == {
        "name": "end-user",
        "stringMatch": {"exact": "jason"},
        "invertMatch": True,
        "treatMissingHeaderAsEmpty": True,
    }


def test_headers_come_in_the_order_of_their_names() -> None:
    match = rendered(
        headers=FrozenMap({"x-b": StringMatch(), ":method": StringMatch(exact="GET"), "x-a": StringMatch()}),
        without_headers=FrozenMap({"a": StringMatch()}),
    )
    assert [each["name"] for each in match["headers"]] == [":method", "x-a", "x-b", "a"]


def test_query_parameters() -> None:
    match = rendered(query_params=FrozenMap({"b": StringMatch(), "a": StringMatch(exact="1")}))
    assert match["queryParameters"] == [
        {"name": "a", "stringMatch": {"exact": "1"}},
        {"name": "b", "presentMatch": True},
    ]
