"""Unit by unit: the newest acceptable content is in force. Decided here as a pure function of values.

A unit with an error keeps its last accepted content, so that a half-written file cannot empty the mesh and one team's
typo does not stop another's change; what cannot be seen (a directory that vanished) is held, for it is not deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from galley.meta import Resource, ResourceKey
from galley.publishing.loading import LoadedUnit
from galley.snapshot import duplicate_resource
from galley.sources import SourceState, Unit, UnitId
from galley.text.diagnostics import Diagnostic, Origin, Severity

REFUSED = "refused"
"""The reason for which a unit with an error is held; there are also DOUBTFUL, and those of the sources' doubts."""

DOUBTFUL = "doubtful-file"
"""The reason for which a unit is held that lost resources: a save that was cut off looks the same, and for an instant
so does every save that empties a file before it writes it."""

SETTLE_SECONDS = 2.0
"""So long a unit that is complete in itself and lost resources must stay as it is to be taken at its word."""

FAULT_SECONDS = 10.0
"""After so long a unit whose judgement failed for a fault of ours is judged again."""


@dataclass(frozen=True, slots=True)
class HeldUnit:
    """A unit whose newest content, or absence, is not in force.

    ``reason`` is REFUSED, DOUBTFUL or the code of a doubt of its source; ``why`` says the same in a few words.
    ``has_accepted_content`` tells whether earlier content of it is in force meanwhile.
    """

    unit: UnitId
    reason: str
    why: str
    has_accepted_content: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """The units in force, by id in sorted order; and the refused ones, so that they are not judged again.

    ``doubted`` tells since when there is a doubt about those refused ones that have no error.
    """

    units: Mapping[UnitId, LoadedUnit] = field(default_factory=dict)
    refused: Mapping[UnitId, LoadedUnit] = field(default_factory=dict)
    doubted: Mapping[UnitId, float] = field(default_factory=dict)

    @property
    def resources(self) -> tuple[Resource[Any], ...]:
        """All resources in force; no key occurs twice."""
        return tuple(resource for loaded in self.units.values() for resource in loaded.resources)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of judging one state of a source. ``diagnostics`` is all that is wrong now, not only what is new.

    ``settles_at`` is when the same state is to be judged again, on the clock of ``judge``; None: not at all.
    """

    accepted: Accepted
    held: tuple[HeldUnit, ...]
    diagnostics: tuple[Diagnostic, ...]
    settles_at: float | None = None


Load = Callable[[Unit, LoadedUnit | None], LoadedUnit]
"""Loads a unit; the second argument is the content in force, whose unchanged resources may be taken over."""


def judge(
    state: SourceState, before: Accepted, load: Load, *, now: float = 0.0, allow_empty: bool = False
) -> Judgement:
    """Decide what is in force. ``load`` is called for units with new content only.

    ``now`` is in seconds, on a clock that only goes forward. ``allow_empty`` means a source, or a part of it, that is
    missing or empty as what it looks like: all of its units are deleted.
    """
    loaded = {unit_id: _loaded(unit, before, load) for unit_id, unit in state.units.items()}
    held, troubles = _hold(state, before, allow_empty)
    candidates = {one.unit: before.units[one.unit] for one in held if one.unit in before.units}
    doubts = _doubts(loaded, before, now)
    refused: dict[UnitId, LoadedUnit] = {}
    for unit_id, newest in loaded.items():
        if newest.is_acceptable and unit_id not in doubts:
            candidates[unit_id] = newest
            continue
        refused[unit_id] = newest
        if unit_id in before.units:
            candidates[unit_id] = before.units[unit_id]
    duplicates = _settle_duplicates(candidates, before.units)
    refused |= {unit_id: loaded[unit_id] for unit_id in duplicates if unit_id in loaded}
    reasons = {unit_id: DOUBTFUL if unit_id in doubts else REFUSED for unit_id in sorted(refused)}
    held += tuple(HeldUnit(unit_id, reason, _WHY[reason], unit_id in candidates) for unit_id, reason in reasons.items())
    diagnostics = [*troubles]
    for unit_id in sorted({*candidates, *refused}):
        shown = refused.get(unit_id) or candidates[unit_id]
        diagnostics += shown.diagnostics + duplicates.get(unit_id, ())
        diagnostics += [doubts[unit_id].diagnostic] if unit_id in doubts else []
    accepted = Accepted(
        units={unit_id: candidates[unit_id] for unit_id in sorted(candidates)},
        refused={unit_id: newest for unit_id, newest in refused.items() if newest.is_judged},
        doubted={unit_id: doubt.since for unit_id, doubt in doubts.items()},
    )
    settling = [doubt.since + SETTLE_SECONDS for doubt in doubts.values() if doubt.settles]
    settling += [now + FAULT_SECONDS for newest in refused.values() if not newest.is_judged]
    return Judgement(accepted, held, tuple(diagnostics), min(settling, default=None))


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Why acceptable content is not taken at its word, since when, and whether time will tell."""

    diagnostic: Diagnostic
    since: float
    settles: bool


_WHY = {REFUSED: REFUSED, DOUBTFUL: "resources lost"}


def _doubts(loaded: Mapping[UnitId, LoadedUnit], before: Accepted, now: float) -> dict[UnitId, _Doubt]:
    """Units that lost resources which are defined nowhere now, unless they have been as they are for long enough."""
    defined = {r.key for newest in loaded.values() if newest.is_acceptable for r in newest.resources}
    doubts = {}
    for unit_id, newest in loaded.items():
        accepted = before.units.get(unit_id)
        if accepted is None or accepted is newest or not newest.is_acceptable:
            continue
        lost = sum(resource.key not in defined for resource in accepted.resources)
        if not lost:
            continue
        since = before.doubted.get(unit_id, now) if before.refused.get(unit_id) is newest else now
        settles = _is_complete(newest, accepted)
        if not settles or now - since < SETTLE_SECONDS:
            doubts[unit_id] = _Doubt(_diagnose(newest, lost, settles), since, settles)
    return doubts


def _is_complete(newest: LoadedUnit, accepted: LoadedUnit) -> bool:
    """Whether it says something (comments are nothing) and names no unknown kind that it did not name before."""
    return bool(newest.resources or newest.diagnostics) and _unknown_kinds(newest) <= _unknown_kinds(accepted)


def _unknown_kinds(loaded: LoadedUnit) -> int:
    return sum(diagnostic.code == "unknown-kind" for diagnostic in loaded.diagnostics)


def _diagnose(newest: LoadedUnit, lost: int, settles: bool) -> Diagnostic:
    resources = f"{lost} resource{'' if lost == 1 else 's'} that it had stay{'s' if lost == 1 else ''} in force"
    origin = Origin(newest.unit.id)
    if settles:
        message = f"the file was shortened; {resources} until it has been as it is for {SETTLE_SECONDS:g} seconds"
        return Diagnostic(Severity.INFO, DOUBTFUL, message, origin)
    if newest.diagnostics:
        hint = "correct the kind, or remove its document"
        return Diagnostic(Severity.ERROR, DOUBTFUL, f"the file names an unknown kind; {resources}", origin, hint)
    hint = "delete the file to mean that"
    return Diagnostic(Severity.ERROR, DOUBTFUL, f"the file says nothing any more; {resources}", origin, hint)


def _loaded(unit: Unit, before: Accepted, load: Load) -> LoadedUnit:
    accepted = before.units.get(unit.id)
    for known in (accepted, before.refused.get(unit.id)):
        if known is not None and known.unit.digest == unit.digest:
            return known
    return load(unit, accepted)


def _hold(
    state: SourceState, before: Accepted, allow_empty: bool
) -> tuple[tuple[HeldUnit, ...], tuple[Diagnostic, ...]]:
    """The accepted units that are not in ``state`` and yet not deleted, and the diagnostics about why."""
    absent = [unit_id for unit_id in before.units if unit_id not in state.units]
    held: dict[UnitId, HeldUnit] = {}
    troubles: list[Diagnostic] = []
    for doubt in state.doubts:
        covered = [unit_id for unit_id in absent if doubt.covers(unit_id) and unit_id not in held]
        diagnostic = doubt.diagnostic
        if not covered and (doubt.is_silent_when_none_held or doubt.when_none_held is not None):
            troubles += [doubt.when_none_held] if doubt.when_none_held is not None else []
            continue
        if allow_empty and doubt.may_be_meant:
            troubles.append(replace(diagnostic, severity=Severity.WARNING, hint=""))
            continue
        held |= {unit_id: HeldUnit(unit_id, diagnostic.code, doubt.why, True) for unit_id in covered}
        hint = f"{len(covered)} files stay in force; {diagnostic.hint}" if covered else diagnostic.hint
        troubles.append(replace(diagnostic, hint=hint))
    return tuple(held.values()), tuple(troubles)


def _settle_duplicates(
    candidates: dict[UnitId, LoadedUnit], before: Mapping[UnitId, LoadedUnit]
) -> dict[UnitId, tuple[Diagnostic, ...]]:
    """Put units back to the content in force until no two of ``candidates`` define one resource.

    Of two units the one that defined it before keeps it, else the first by id. Contents that were in force together
    have no duplicates among them, so this ends. Returns the diagnostics by id.
    """
    owners = {resource.key: unit_id for unit_id, loaded in before.items() for resource in loaded.resources}
    found: dict[UnitId, tuple[Diagnostic, ...]] = {}
    while losers := _losers(candidates, owners):
        for unit_id, diagnostics in losers.items():
            found[unit_id] = found.get(unit_id, ()) + diagnostics
            if unit_id in before and candidates[unit_id] is not before[unit_id]:
                candidates[unit_id] = before[unit_id]
            else:
                del candidates[unit_id]
    return found


def _losers(
    candidates: Mapping[UnitId, LoadedUnit], owners: Mapping[ResourceKey, UnitId]
) -> dict[UnitId, tuple[Diagnostic, ...]]:
    claims: dict[ResourceKey, Resource[Any]] = {}
    claimants: dict[ResourceKey, UnitId] = {}
    losers: dict[UnitId, tuple[Diagnostic, ...]] = {}
    for unit_id in sorted(candidates):
        for resource in candidates[unit_id].resources:
            first = claims.setdefault(resource.key, resource)
            holder = claimants.setdefault(resource.key, unit_id)
            if holder == unit_id:
                continue
            loser, lost, kept = unit_id, resource, first
            if owners.get(resource.key) == unit_id:
                loser, lost, kept = holder, first, resource
                claims[resource.key], claimants[resource.key] = resource, unit_id
            losers[loser] = (*losers.get(loser, ()), duplicate_resource(lost, kept))
    return losers
