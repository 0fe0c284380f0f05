"""Where configuration comes from: a source yields the whole state of its units after every settled change.

A unit is what is accepted or refused as a whole: a file of a directory, or whatever else a source has. Only the source
knows what the id of a unit means; to all others it is a name, by which users find the unit again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from galley.text.diagnostics import Diagnostic

UnitId = str
"""Names a unit in its source, in every report and as the ``file`` of diagnostics. Directories use paths."""


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A unit as it was read. An unchanged unit is the same object from state to state."""

    id: UnitId
    content: bytes = field(repr=False)
    digest: str

    @classmethod
    def of(cls, unit: UnitId, content: bytes) -> Unit:
        """The unit with the hash of its content."""
        return cls(id=unit, content=content, digest=sha256(content).hexdigest())


@dataclass(frozen=True, slots=True)
class Doubt:
    """Units that a source does not see and yet cannot call deleted: those of them that are in force stay so.

    ``covers`` tells which units they are. ``diagnostic`` tells the user of it, its code being the reason for which
    each of them is held, and ``why`` says the same in a few words after the name of a unit. Where none of them is in
    force, ``when_none_held`` is shown instead, if given, or nothing when it ``is_silent_when_none_held``.
    ``may_be_meant`` marks what ``--allow-empty`` takes as
    deletion.
    """

    covers: Callable[[UnitId], bool]
    diagnostic: Diagnostic
    why: str
    when_none_held: Diagnostic | None = None
    may_be_meant: bool = False
    is_silent_when_none_held: bool = False


@dataclass(frozen=True, slots=True)
class SourceState:
    """All units of a source at one moment, by id in sorted order, and what it cannot tell of."""

    units: Mapping[UnitId, Unit]
    doubts: tuple[Doubt, ...] = ()


class ConfigSource(Protocol):
    """Anything that configuration can be read from."""

    def states(self) -> AsyncGenerator[SourceState, None]:
        """The state now, then the whole state again after every change. Close it to stop watching.

        The first state comes soon: a source that cannot see its units says so with a ``Doubt`` instead of waiting.
        """
        ...

    def durable_id(self, unit: UnitId) -> str:
        """Names one of this source's units for as long as it exists, however the source is named at the next start."""
        ...

    def unit_id(self, durable_id: str) -> UnitId | None:
        """The unit that a durable id names, existing or not; None for one that is no unit of this source (any more)."""
        ...
