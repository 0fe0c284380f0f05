"""Requests as events, in both variants."""

from __future__ import annotations

import pytest

from envoycodec.discovery import DeltaDiscoveryRequest, DiscoveryRequest
from pilot.xds.events import DeltaRequested, Requested
from pilot.xds.requests import read_delta, read_sotw
from pilot.xds.resources import CLUSTER

ERRORS = pytest.mark.parametrize(
    ("code", "text", "error"), [(None, None, None), (13, "no", "no"), (0, "", ""), (0, None, "")]
)


@ERRORS
def test_a_state_of_the_world_request(code: int | None, text: str | None, error: str | None) -> None:
    request = DiscoveryRequest(CLUSTER, "v", "n", ("a",), error_code=code, error_message=text)
    assert read_sotw(request) == Requested(CLUSTER, ("a",), "n", "v", error)


@ERRORS
def test_an_incremental_request(code: int | None, text: str | None, error: str | None) -> None:
    request = DeltaDiscoveryRequest(CLUSTER, ("a",), ("b",), {"c": "1"}, "n", error_code=code, error_message=text)
    assert read_delta(request) == DeltaRequested(CLUSTER, ("a",), ("b",), "n", {"c": "1"}, error)
