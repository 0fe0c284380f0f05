"""Stages that fail are told, tried again with back-off, and known as degraded until they work."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from galley.supervision import Supervisor, Trouble


class FatalError(Exception):
    """What ends a stage for good."""


def a_supervisor() -> tuple[Supervisor, list[float]]:
    """A supervisor that does not wait, and the pauses that it would have made."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    return Supervisor(sleep=sleep, clock=lambda: 7.0), pauses


class Telling(Supervisor):
    """Tells when something works again."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.well = asyncio.Event()

    def went_well(self, stage: str) -> None:
        super().went_well(stage)
        self.well.set()


async def run(supervisor: Supervisor, *errors: Exception) -> int:
    """Keep a stage that raises each of ``errors`` and then ends; how often it ran."""
    left, runs = list(errors), 0

    async def stage() -> None:
        nonlocal runs
        runs += 1
        if left:
            raise left.pop(0)

    await supervisor.keep("stage", stage, fatal=(FatalError,))
    return runs


async def test_a_stage_that_raises_is_run_again_and_then_works() -> None:
    supervisor, pauses = a_supervisor()
    assert await run(supervisor, ValueError("a"), RecursionError("b"), OSError("c")) == 4
    assert pauses == [0.25, 0.5, 1.0]
    assert supervisor.troubles == ()
    assert supervisor.failures == {"stage": 3}


async def test_the_pause_doubles_up_to_half_a_minute() -> None:
    supervisor, pauses = a_supervisor()
    await run(supervisor, *(ValueError("a") for _ in range(40)))
    assert pauses[6:9] == [16.0, 30.0, 30.0]
    assert pauses[-1] == 30.0


async def test_what_is_fatal_is_raised() -> None:
    supervisor, _ = a_supervisor()
    with pytest.raises(FatalError):
        await run(supervisor, ValueError("a"), FatalError())
    assert supervisor.failures == {"stage": 1}


async def test_a_failing_stage_is_degraded_since_its_first_failure() -> None:
    supervisor, _ = a_supervisor()
    supervisor.failed("stage", ValueError("one"))
    supervisor.failed("stage", KeyError("two\x1b[31m"))
    assert list(supervisor.troubles) == [Trouble("stage", "KeyError: 'two\\x1b[31m'", 7.0, 2)]
    supervisor.went_well("stage")
    assert not supervisor.troubles


async def test_the_way_to_a_fault_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    supervisor, _ = a_supervisor()
    with caplog.at_level(logging.INFO):
        await run(supervisor, *(ValueError("a") for _ in range(3)))
    assert [bool(record.exc_info) for record in caplog.records] == [True, False, False, False]
    assert caplog.messages[-1] == "stage works again"


async def test_a_stage_that_runs_on_after_a_failure_works_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("galley.supervision._PROVEN", 0.01)
    supervisor = Telling(sleep=lambda _: asyncio.sleep(0))
    first, again = True, asyncio.Event()

    async def stage() -> None:
        nonlocal first
        if first:
            first = False
            raise ValueError("once")
        again.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(supervisor.keep("stage", stage))
    async with asyncio.timeout(10):
        await again.wait()
        assert supervisor.troubles
        await supervisor.well.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_to_cancel_a_kept_stage_cancels_what_it_runs() -> None:
    supervisor, _ = a_supervisor()
    ended = asyncio.Event()

    async def stage() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(supervisor.keep("stage", stage))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert ended.is_set()
