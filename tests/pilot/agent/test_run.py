"""What an agent watches while its Envoy runs."""

from __future__ import annotations

import asyncio

import pytest

from pilot.agent.run import work_until


async def fail() -> None:
    raise RuntimeError("an error of ours")


@pytest.mark.parametrize("place", [0, 1])
async def test_an_agent_does_not_live_on_without_one_of_its_chores(place: int) -> None:
    chores = [asyncio.create_task(asyncio.sleep(60)) for _ in range(2)]
    chores[place].cancel()
    chores[place] = asyncio.create_task(fail())
    with pytest.raises(RuntimeError, match="ours"):
        await asyncio.wait_for(work_until(asyncio.Event(), chores), 10)
    for chore in chores:
        chore.cancel()


async def test_it_works_until_it_is_told_to_stop() -> None:
    stop, chore = asyncio.Event(), asyncio.create_task(asyncio.sleep(60))
    stop.set()
    await asyncio.wait_for(work_until(stop, [chore]), 10)
    assert not chore.done()
    chore.cancel()
