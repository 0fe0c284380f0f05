"""Events and commands are values: a dialogue can be written down, compared and replayed."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from pilot.xds.events import Acked, DeltaRequested, EndStream, Requested
from pilot.xds.resources import CLUSTER, ROUTE


def test_equal_events_are_equal_and_what_differs_is_not() -> None:
    assert Requested(ROUTE, ("r",), nonce="1") == Requested(ROUTE, ("r",), nonce="1")
    assert Requested(ROUTE, ("r",), nonce="1") != Requested(ROUTE, ("r",), nonce="2")
    assert DeltaRequested(CLUSTER, initial_versions={"a": "1"}) == DeltaRequested(CLUSTER, initial_versions={"a": "1"})


def test_an_empty_error_is_a_rejection_and_none_is_not() -> None:
    assert Requested(CLUSTER, error="").error is not None
    assert Requested(CLUSTER).error is None


def test_a_command_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        EndStream("INTERNAL", "").status = "OK"  # type: ignore[misc]
    assert Acked(CLUSTER, "1") == Acked(CLUSTER, "1")
