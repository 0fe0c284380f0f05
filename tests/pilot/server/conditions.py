"""Waiting for conditions in tests of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop turn until ``condition`` is true. Raises TimeoutError after ten seconds."""
    async with asyncio.timeout(10.0):
        while not condition():  # noqa: ASYNC110 - any condition, also of what signals nothing
            await asyncio.sleep(0.001)
