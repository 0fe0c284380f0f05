from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.envoy.headers import escape_percent


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "%%",
        "%PROTOCOL%",
        "from %DOWNSTREAM_REMOTE_ADDRESS% via %REQ(:AUTHORITY?HOST):20%",
        "%START_TIME(%Y/%m/%dT%H:%M:%S%z)%",
        "%DYNAMIC_METADATA(a:b)%",
        "%FILTER_STATE(a:PLAIN)%",
    ],
)
def test_operators_are_kept(value: str) -> None:
    assert escape_percent(value) == value


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("100%", "100%%"),
        ("50% to 60%", "50%% to 60%%"),
        ("%20", "%%20"),
        ("%UNKNOWN%", "%%UNKNOWN%%"),
        ("%REQ%", "%%REQ%%"),
        ("%PROTOCOL:5%", "%%PROTOCOL:5%%"),
        ("%FILTER_STATE(a:OTHER)%", "%%FILTER_STATE(a:OTHER)%%"),
        ("%%%", "%%%%"),
        ("100% of %PROTOCOL%", "100%% of %PROTOCOL%"),
    ],
)
def test_other_percent_signs_are_literal(value: str, literal: str) -> None:
    assert escape_percent(value) == literal


@given(st.text("%PROTOCOL(:REQ)a", max_size=20))
def test_escaping_is_done_once(value: str) -> None:
    assert escape_percent(escape_percent(value)) == escape_percent(value)
