"""The newest of a series of values, and a wait for the next: how one task tells others what is the case now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """The newest value, and a wait for the next. A slow reader skips values, it never queues them.

    Belongs to one event loop; ``publish`` is called in it.
    """

    def __init__(self) -> None:
        self._value: T | None = None
        self._serial = 0
        self._changed = asyncio.Event()

    @property
    def value(self) -> T | None:
        """The newest value; None before the first."""
        return self._value

    @property
    def serial(self) -> int:
        """How many values there have been."""
        return self._serial

    def publish(self, value: T) -> None:
        """Make ``value`` the newest and wake all who wait."""
        self._value = value
        self._serial += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def newer_than(self, serial: int) -> tuple[int, T]:
        """Wait for a value after the ``serial``-th; return its serial and the value."""
        while self._serial <= serial or self._value is None:
            await self._changed.wait()
        return self._serial, self._value

    async def values(self) -> AsyncIterator[T]:
        """The newest value (or the first, when there is none yet), then the newest again after each change."""
        serial = 0
        while True:
            serial, value = await self.newer_than(serial)
            yield value
