"""Work is stopped when it has used its time, and nothing of that reaches what comes after."""

from __future__ import annotations

import threading
import time

import pytest

from galley.publishing.time_budget import OverBudgetError, within


def busy(seconds: float) -> str:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
    return "done"


def test_work_that_ends_in_time_gives_its_result() -> None:
    assert within(60, lambda: busy(0.01)) == "done"


def test_what_the_work_raises_is_raised() -> None:
    with pytest.raises(KeyError):
        within(60, lambda: {"b": 1}["a"])


def test_work_without_end_is_stopped() -> None:
    def endless() -> None:
        while True:
            pass

    with pytest.raises(OverBudgetError):
        within(0.05, endless)


def test_the_end_of_the_budget_and_of_the_work_may_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("galley.publishing.time_budget._LOOK_EVERY", 0.0001)
    outcomes = set()
    for number in range(300):
        try:
            outcomes.add(within(0.002, lambda seconds=0.0015 + number / 300_000: busy(seconds)))  # type: ignore[misc]
        except OverBudgetError:
            outcomes.add("stopped")
        busy(0.0002)  # what came too late would be raised here
    assert outcomes <= {"done", "stopped"}
    assert threading.current_thread() is threading.main_thread()
