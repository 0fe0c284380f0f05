"""Waiting for what should become true, instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from pilot.dataplane.errors import EnvoyError

T = TypeVar("T")

INTERVAL_SECONDS = 0.02


class ConditionNotMetError(AssertionError):
    """What was awaited did not come true in time."""


def eventually(condition: Callable[[], T | None], timeout: float = 5.0, *, what: str = "") -> T:
    """Call ``condition`` until it returns something true and raises nothing; return that.

    Raises ConditionNotMetError after ``timeout`` seconds, with the last value or exception.
    """
    deadline = time.monotonic() + timeout
    while True:
        failure: Exception | None = None
        value: T | None = None
        try:
            value = condition()
        except (AssertionError, OSError, LookupError, ValueError, RuntimeError, EnvoyError) as error:
            failure = error
        if failure is None and value:
            return value
        if time.monotonic() >= deadline:
            last = f"last: {failure or value!r}"
            raise ConditionNotMetError(f"{what or 'condition'} not met within {timeout:g} s; {last}") from failure
        time.sleep(INTERVAL_SECONDS)


def consistently(condition: Callable[[], object], duration: float, *, what: str = "") -> int:
    """Check that ``condition`` stays true for ``duration`` seconds; how often it was checked."""
    deadline = time.monotonic() + duration
    checks = 0
    while time.monotonic() < deadline:
        value = condition()
        assert value, f"{what or 'condition'} failed after {checks} checks: {value!r}"
        checks += 1
    return checks
