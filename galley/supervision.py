"""Stages that outlive their own exceptions: each is told with its cause, tried again with back-off, and known as
degraded meanwhile. What was in force before stays so."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from galley.text.wording import printable, shortened

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
"""Seconds between a failure and the next try: twice as long each time, up to the longest."""

_PROVEN = 5.0
"""Seconds that a stage must run after a failure to count as well again, unless it says so itself."""

_LONGEST_CAUSE = 500


@dataclass(frozen=True, slots=True)
class Trouble:
    """A stage that fails. ``since`` is in seconds since the epoch; ``failures`` are those since it last went well."""

    stage: str
    cause: str
    since: float
    failures: int


class Supervisor:
    """Knows which stages of a process fail, and decides when each is tried again.

    ``sleep`` waits for so many seconds, ``clock`` gives seconds since the epoch. `failed` and `went_well` may be called
    in any thread.
    """

    def __init__(
        self,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sleep, self._clock = sleep, clock
        self._troubles: dict[str, Trouble] = {}
        self._failures: Counter[str] = Counter()

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """The stages that fail now, by name."""
        return tuple(trouble for _, trouble in sorted(self._troubles.items()))

    @property
    def failures(self) -> Mapping[str, int]:
        """How often each stage has failed since the start; stages that never did are not there."""
        return dict(self._failures)

    def failed(self, stage: str, error: BaseException) -> float:
        """``stage`` has raised ``error``. The result is after how many seconds to try it again."""
        known = self._troubles.get(stage)
        failures = known.failures + 1 if known else 1
        cause = shortened(printable(f"{type(error).__name__}: {error}"), _LONGEST_CAUSE)
        since = known.since if known else self._clock()
        self._troubles[stage] = Trouble(stage, cause, since, failures)
        self._failures[stage] += 1
        pause = min(_FIRST_PAUSE * 2.0 ** min(failures - 1, 20), _LONGEST_PAUSE)
        # The whole way to a fault is worth its lines once; what follows is the same again.
        is_news = known is None or known.cause != cause
        log.error(
            "%s failed and is tried again in %.2g s; what was in force before stays so: %s",
            stage, pause, cause, exc_info=error if is_news and not isinstance(error, OSError) else None,
        )  # fmt: skip
        return pause

    def went_well(self, stage: str) -> None:
        """``stage`` has done its work."""
        if self._troubles.pop(stage, None) is not None:
            log.info("%s works again", stage)

    async def keep(
        self, stage: str, run: Callable[[], Awaitable[None]], *, fatal: tuple[type[Exception], ...] = ()
    ) -> None:
        """Run ``run`` until it ends by itself, again whenever it raises. ``fatal`` exceptions are raised."""
        while True:
            running = asyncio.ensure_future(run())
            try:
                if stage in self._troubles:
                    await asyncio.wait({running}, timeout=_PROVEN)
                    if not running.done():
                        self.went_well(stage)
                await running
            except fatal:
                raise
            except Exception as error:
                await self._sleep(self.failed(stage, error))
            else:
                self.went_well(stage)
                return
            finally:
                await _end(running)


async def _end(running: asyncio.Future[None]) -> None:
    if not running.done():
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
