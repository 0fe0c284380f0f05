"""The newest value and the wait for the next."""

from __future__ import annotations

import asyncio

from galley.publishing.latest import Latest


async def test_a_slow_reader_skips_values() -> None:
    latest: Latest[int] = Latest()
    values = latest.values()
    first = asyncio.ensure_future(anext(values))
    await asyncio.sleep(0)
    latest.publish(1)
    assert await first == 1
    latest.publish(2)
    latest.publish(3)
    assert await anext(values) == 3
    assert (latest.value, latest.serial) == (3, 3)


async def test_every_waiting_reader_is_woken() -> None:
    latest: Latest[str] = Latest()
    waiting = [asyncio.create_task(latest.newer_than(0)) for _ in range(3)]
    await asyncio.sleep(0)
    latest.publish("a")
    assert await asyncio.gather(*waiting) == [(1, "a")] * 3
