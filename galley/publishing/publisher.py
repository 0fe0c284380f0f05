"""From a source to the newest snapshot: judge, keep on disk, index, publish, then report.

The work on units runs in a thread, so that a large change does not keep the event loop from serving.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import ParamSpec, TypeVar

from galley.failpoints import failpoint
from galley.hosts.names import DEFAULT_DOMAIN
from galley.publishing.acceptance import Accepted, HeldUnit, Judgement, judge
from galley.publishing.journal import AcceptedJournal
from galley.publishing.latest import Latest
from galley.publishing.loading import DEFAULT_OPTIONS as DEFAULT_LOAD_OPTIONS
from galley.publishing.loading import LoadedUnit, LoadOptions, load_unit
from galley.references import check_references
from galley.snapshot import ConfigSnapshot, build_snapshot
from galley.sources import ConfigSource, SourceState, Unit, UnitId
from galley.supervision import Supervisor
from galley.text.diagnostics import Diagnostic, Origin, Severity

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """What the command line says about configuration. Without ``state`` nothing outlives the process; ``domain`` is the
    DNS domain of the mesh.

    A first start, with nothing accepted before, goes on without files that have errors, unless they may say who is let
    in (`may_protect`). ``accept_partial`` goes on without those, too, and ``require_complete`` without none.
    """

    load: LoadOptions = DEFAULT_LOAD_OPTIONS
    state: str | None = None
    accept_partial: bool = False
    require_complete: bool = False
    allow_empty: bool = False
    domain: str = DEFAULT_DOMAIN


DEFAULT_OPTIONS = PublishOptions()


@dataclass(frozen=True, slots=True)
class ConfigReport:
    """What a change led to. ``diagnostics`` and ``held`` are all that is wrong now, not only what is new.

    ``accepted`` and ``removed`` are the units whose content came into force, or went, with this change.
    """

    version: str
    units: int
    resources: int
    accepted: tuple[UnitId, ...] = ()
    removed: tuple[UnitId, ...] = ()
    held: tuple[HeldUnit, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def has_errors(self) -> bool:
        """Whether something is wrong that keeps newer content from being in force."""
        return any(diagnostic.is_error for diagnostic in self.diagnostics)

    def news(self, previous: ConfigReport | None) -> tuple[Diagnostic, ...]:
        """The diagnostics that ``previous`` did not have."""
        known = frozenset(previous.diagnostics) if previous is not None else frozenset()
        return tuple(diagnostic for diagnostic in self.diagnostics if diagnostic not in known)


class ConfigurationRefusedError(Exception):
    """Nothing has been accepted yet, and what is wrong keeps the mesh from starting with the rest: ``reason``."""

    def __init__(self, report: ConfigReport, reason: str) -> None:
        super().__init__(f"no earlier configuration has been accepted, and {reason}")
        self.report = report


async def publish(
    source: ConfigSource,
    configs: Latest[ConfigSnapshot],
    reports: Latest[ConfigReport],
    options: PublishOptions = DEFAULT_OPTIONS,
    supervisor: Supervisor | None = None,
) -> None:
    """Publish a snapshot after every change of ``source`` that changes what is in force, and a report after each.

    Runs until cancelled. Raises ConfigurationRefusedError at the first state when nothing has been accepted before and
    ``options`` do not let it start without what is wrong; StateInUseError or OSError when the state directory cannot
    be used. Whatever else fails is left to ``supervisor`` and tried again; the newest snapshot stays.
    """
    supervisor = supervisor or Supervisor()
    journal = await asyncio.to_thread(AcceptedJournal, options.state) if options.state else None
    stage = _Stage(source, journal, options, supervisor)

    async def follow() -> None:
        async with aclosing(_and_again(source.states(), stage)) as states:
            async for state in states:
                before = stage.snapshot
                supervisor.went_well("source")
                if not await _in_thread(stage.try_to_advance, state):
                    continue
                if stage.snapshot is not before:
                    configs.publish(stage.snapshot)
                reports.publish(await _in_thread(stage.report))

    try:
        await supervisor.keep("source", follow, fatal=(ConfigurationRefusedError,))
    finally:
        if journal is not None:
            journal.close()


async def _and_again(states: AsyncGenerator[SourceState, None], stage: _Stage) -> AsyncGenerator[SourceState, None]:
    """Each of ``states``, and the newest once more when what was doubtful in it has settled."""
    async with aclosing(states):
        coming: asyncio.Future[SourceState] = asyncio.ensure_future(anext(states))
        try:
            newest = await coming
            while True:
                yield newest
                if coming.done():
                    coming = asyncio.ensure_future(anext(states))
                pause = None if stage.settles_at is None else max(0.0, stage.settles_at - time.monotonic())
                await asyncio.wait({coming}, timeout=pause)
                if coming.done():
                    newest = coming.result()
        except StopAsyncIteration:
            return
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def _in_thread(work: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
    """Run ``work`` in a thread to its end, even when cancelled: the journal is written whole, then closed."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *arguments, **keywords))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


class _Stage:
    """The state of the pipeline. Its methods do the work and are called one at a time, in a thread."""

    def __init__(
        self, source: ConfigSource, journal: AcceptedJournal | None, options: PublishOptions, supervisor: Supervisor
    ) -> None:
        self._source = source
        self._journal = journal
        self._options = options
        self._supervisor = supervisor
        self._accepted = Accepted()
        self._is_restored = False
        self._must_keep = False
        self._troubles: tuple[Diagnostic, ...] = ()
        self._report = ConfigReport(version="", units=0, resources=0)
        self._reported: ConfigSnapshot | None = None
        self._references: tuple[Diagnostic, ...] = ()
        self.settles_at: float | None = None
        self.is_judged = False
        self.snapshot, _ = build_snapshot((), domain=options.domain)

    def try_to_advance(self, state: SourceState) -> bool:
        """`advance`, and whether it did: else what was in force stays so, and ``settles_at`` says when to try again."""
        try:
            self.advance(state)
        except ConfigurationRefusedError:
            raise
        except Exception as error:
            self.settles_at = time.monotonic() + self._supervisor.failed("publish", error)
            return False
        self._supervisor.went_well("publish")
        return True

    def advance(self, state: SourceState) -> None:
        """Judge ``state``, keep what is accepted on disk, and index it as ``snapshot``.

        Whatever it raises, it has changed nothing of what is in force.
        """
        failpoint("publish")
        if not self._is_restored:
            self._restore()
            self._is_restored = True
        is_first = not self.is_judged
        before = self._accepted
        judgement = judge(state, before, self._load, now=time.monotonic(), allow_empty=self._options.allow_empty)
        accepted = judgement.accepted
        report = self._report_on(judgement, before)
        if is_first and not before.units and (reason := self._against_start(judgement, state)):
            raise ConfigurationRefusedError(report, reason)
        has_changed = is_first or bool(report.accepted or report.removed)
        snapshot = self.snapshot
        if has_changed:
            # The keys are distinct already, so there are no diagnostics.
            snapshot, _ = build_snapshot(accepted.resources, previous=snapshot, domain=self._options.domain)
        self._report, self._accepted, self.snapshot, self.is_judged = report, accepted, snapshot, True
        self.settles_at = judgement.settles_at
        if has_changed or self._must_keep:
            self._keep()

    def _against_start(self, judgement: Judgement, state: SourceState) -> str:
        """Why a mesh that has served nothing yet should not start with what is acceptable; "" if it may."""
        if self._options.accept_partial or not any(one.is_error for one in judgement.diagnostics):
            return ""
        if self._options.require_complete:
            return "not all of it is right"
        refused = {one.unit for one in judgement.held if one.unit in state.units}
        elsewhere = {one.origin.file for one in judgement.diagnostics if one.is_error} - refused
        if elsewhere:
            return f"nobody knows what {min(elsewhere)} would say"
        if not judgement.accepted.units:
            return "nothing of it is right"
        guards = [unit for unit in sorted(refused) if may_protect(state.units[unit].content)]
        return f"{guards[0]}, which may say who is let in, has errors" if guards else ""

    def _report_on(self, judgement: Judgement, before: Accepted) -> ConfigReport:
        accepted = judgement.accepted
        return ConfigReport(
            version=self.snapshot.version,
            units=len(accepted.units),
            resources=len(accepted.resources),
            accepted=tuple(
                unit_id for unit_id, loaded in accepted.units.items() if before.units.get(unit_id) is not loaded
            ),
            removed=tuple(unit_id for unit_id in before.units if unit_id not in accepted.units),
            held=judgement.held,
            diagnostics=judgement.diagnostics,
        )

    def report(self) -> ConfigReport:
        """The report on the last ``advance``, with what only shows across files; ``settles_at`` may become sooner."""
        if self._reported is not self.snapshot:
            try:
                failpoint("references")
                self._references = check_references(self.snapshot)
            except Exception as error:
                # What it would have said are warnings alone.
                self._try_again_after("references", error)
            else:
                self._supervisor.went_well("references")
                self._reported = self.snapshot
        return replace(
            self._report,
            version=self.snapshot.version,
            diagnostics=self._report.diagnostics + self._troubles + self._references,
        )

    def _try_again_after(self, stage: str, error: Exception) -> None:
        """Have the same state judged again although nothing in it changes."""
        again = time.monotonic() + self._supervisor.failed(stage, error)
        self.settles_at = again if self.settles_at is None else min(again, self.settles_at)

    def _load(self, unit: Unit, previous: LoadedUnit | None) -> LoadedUnit:
        return load_unit(unit, self._options.load, previous=previous)

    def _restore(self) -> None:
        """Take up what was in force when the last process ended."""
        self._troubles = ()
        if self._journal is None:
            return
        if self._journal.is_damaged:
            message = "the end of the journal of accepted files is damaged and was ignored"
            self._troubles = (_warning("state-damaged", message, self._options.state or ""),)
        contents = {}
        for durable_id, content in self._journal.contents.items():
            if (unit_id := self._source.unit_id(durable_id)) is not None:
                contents[unit_id] = content
        restored = {one: self._load(Unit.of(one, content), None) for one, content in sorted(contents.items())}
        for unit_id, loaded in restored.items():
            if not loaded.is_acceptable:
                message = "the content that was accepted before has errors for this version, so it is not in force"
                self._troubles += (_warning("state-refused", message, unit_id),)
        self._accepted = Accepted(units={one: loaded for one, loaded in restored.items() if loaded.is_acceptable})
        self.snapshot, _ = build_snapshot(self._accepted.resources, domain=self._options.domain)

    def _keep(self) -> None:
        if self._journal is None:
            return
        accepted = self._accepted.units
        contents = {self._source.durable_id(unit_id): loaded.unit.content for unit_id, loaded in accepted.items()}
        self._troubles = tuple(one for one in self._troubles if one.code != "state-not-written")
        self._must_keep = True
        try:
            failpoint("journal")
            self._journal.write(contents)
            self._must_keep = False
            self._supervisor.went_well("journal")
        except Exception as error:
            self._try_again_after("journal", error)
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            message = f"what is accepted cannot be written to disk: {reason}"
            self._troubles += (_warning("state-not-written", message, self._options.state or ""),)


_PROTECTING = re.compile(rb"security\.istio\.io|mesh\.istio\.io|\bMeshConfig\b|\bSidecar\b|\bEnvoyFilter\b")


def may_protect(content: bytes) -> bool:
    """Whether a file, perhaps a broken one, may be about who is let in or out: without it a door could be open."""
    return _PROTECTING.search(content) is not None


def _warning(code: str, message: str, file: str) -> Diagnostic:
    return Diagnostic(Severity.WARNING, code, message, Origin(file))
