"""Several sources as one: what one of them says, or fails to say, leaves the units of the others alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace

from galley.sources import ConfigSource, Doubt, SourceState, Unit, UnitId
from galley.text.diagnostics import Diagnostic

_NAME = re.compile(r"[a-z0-9-]*")


class MergedSource:
    """The units of all ``members``, those of a member ``name`` under ids that begin with ``name:``.

    One member may have the name "": its ids, durable ones included, stay as they are, so that what a state directory
    holds from before there were other sources is found again. (Only one that looks like another member's gets a ``:``
    before it.)
    """

    def __init__(self, members: Mapping[str, ConfigSource]) -> None:
        """Raises ValueError for a name that is not of lower-case letters, digits and ``-``."""
        for name in members:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} cannot be the name of a source")
        self._members = dict(members)
        self._known: dict[UnitId, Unit] = {}

    async def states(self) -> AsyncGenerator[SourceState, None]:
        """The state of all members, as soon as each has one, then again after every change of any of them.

        Raises what a member raises: one that can heal by itself says so with a ``Doubt`` instead.
        """
        latest: dict[str, SourceState] = {}
        changed = asyncio.Event()
        following = [
            asyncio.ensure_future(_follow(name, self._members[name], latest, changed)) for name in self._members
        ]
        try:
            while True:
                await changed.wait()
                changed.clear()
                for task in following:
                    if task.done():
                        task.result()
                if len(latest) == len(self._members):
                    yield self._merge(latest)
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)

    def durable_id(self, unit: UnitId) -> str:
        """The member's own, under the member's name. Raises KeyError for a unit that no member has."""
        name = self._member_of(unit)
        return self._qualified(name, self._members[name].durable_id(self._own(name, unit)))

    def unit_id(self, durable_id: str) -> UnitId | None:
        """The unit of the member whose name the durable id begins with, or of the member without a name."""
        name = self._member_of(durable_id)
        member = self._members.get(name)
        unit = member.unit_id(self._own(name, durable_id)) if member is not None else None
        return None if unit is None else self._qualified(name, unit)

    def _member_of(self, unit: UnitId) -> str:
        name, colon, _ = unit.partition(":")
        return name if colon and name in self._members else ""

    def _qualified(self, name: str, unit: UnitId) -> UnitId:
        """The id outside of a member's own ``unit``; no two are equal."""
        return unit if not name and not self._looks_named(unit) else f"{name}:{unit}"

    def _own(self, name: str, unit: UnitId) -> UnitId:
        """The inverse of ``_qualified``."""
        return unit if not name and not self._looks_named(unit) else unit[len(name) + 1 :]

    def _looks_named(self, unit: UnitId) -> bool:
        """Whether the id, perhaps after colons that tell it apart, begins as if it were of a member with a name."""
        return bool(self._member_of(unit.lstrip(":")))

    def _merge(self, latest: Mapping[str, SourceState]) -> SourceState:
        units = [self._qualify(name, unit) for name, state in latest.items() for unit in state.units.values()]
        self._known = {unit.id: unit for unit in sorted(units, key=lambda unit: unit.id)}
        doubts = [self._qualify_doubt(name, doubt) for name in self._members for doubt in latest[name].doubts]
        return SourceState(units=self._known, doubts=tuple(doubts))

    def _qualify(self, name: str, unit: Unit) -> Unit:
        outer = self._qualified(name, unit.id)
        if outer == unit.id:
            return unit
        known = self._known.get(outer)
        return known if known is not None and known.digest == unit.digest else replace(unit, id=outer)

    def _qualify_doubt(self, name: str, doubt: Doubt) -> Doubt:
        return replace(
            doubt,
            covers=lambda unit: self._member_of(unit) == name and doubt.covers(self._own(name, unit)),
            diagnostic=self._at_member(name, doubt.diagnostic),
            when_none_held=doubt.when_none_held and self._at_member(name, doubt.when_none_held),
        )

    def _at_member(self, name: str, diagnostic: Diagnostic) -> Diagnostic:
        file = self._qualified(name, diagnostic.origin.file)
        return replace(diagnostic, origin=replace(diagnostic.origin, file=file))


async def _follow(name: str, member: ConfigSource, latest: dict[str, SourceState], changed: asyncio.Event) -> None:
    """Keep the newest state of ``member`` in ``latest``; ``changed`` is set after each, and at the end."""
    try:
        async with aclosing(member.states()) as states:
            async for state in states:
                latest[name] = state
                changed.set()
    finally:
        changed.set()
