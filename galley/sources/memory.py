"""Units that exist in memory only, for tests and for programs that embed the control plane."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping

from galley.sources import Doubt, SourceState, Unit, UnitId
from galley.text.diagnostics import Diagnostic, Origin, Severity


class MemorySource:
    """Units named ``root/name``. Use it from the event loop that reads ``states``, by one reader.

    One without units is in doubt, as an empty directory is: a program that has nothing yet has deleted nothing.
    """

    def __init__(self, units: Mapping[str, str | bytes] | None = None, *, root: str = "memory") -> None:
        self._root = root
        self._units: dict[UnitId, Unit] = {}
        self._changed = asyncio.Event()
        self.update(units or {})

    def update(self, units: Mapping[str, str | bytes | None]) -> None:
        """Write the named units, as one change; None deletes a unit."""
        for name, content in units.items():
            unit = f"{self._root}/{name}"
            if content is None:
                self._units.pop(unit, None)
                continue
            written = Unit.of(unit, content.encode() if isinstance(content, str) else content)
            known = self._units.get(unit)
            if known is None or known.digest != written.digest:
                self._units[unit] = written
        self._changed.set()

    async def states(self) -> AsyncGenerator[SourceState, None]:
        """The state now, and after every ``update``; updates between two reads are one change."""
        while True:
            self._changed.clear()
            doubts = () if self._units else (self._emptiness(),)
            yield SourceState(units=dict(sorted(self._units.items())), doubts=doubts)
            await self._changed.wait()

    def durable_id(self, unit: UnitId) -> str:
        """The id itself: the program that writes units gives each the same name every time."""
        return unit

    def unit_id(self, durable_id: str) -> UnitId | None:
        """The same id, if it is below this root."""
        return durable_id if durable_id.startswith(f"{self._root}/") else None

    def _emptiness(self) -> Doubt:
        message, hint = f"{self._root} has no units", "start with --allow-empty to mean it"
        return Doubt(
            covers=lambda unit: self.unit_id(unit) is not None,
            diagnostic=Diagnostic(Severity.ERROR, "memory-empty", message, Origin(self._root), hint),
            why="its source is empty",
            when_none_held=Diagnostic(Severity.WARNING, "no-configuration", message, Origin(self._root)),
            may_be_meant=True,
        )
