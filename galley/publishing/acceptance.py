"""File by file: the newest acceptable content is in force. Decided here as a pure function of values.

A file with an error keeps its last accepted content, so that a half-written file cannot empty the mesh and one team's
typo does not stop another's change; what cannot be seen (a directory that vanished) is held, for it is not deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from galley.meta import Resource, ResourceKey
from galley.publishing.loading import LoadedFile
from galley.snapshot import duplicate_resource
from galley.sources import SourceFile, SourceState, is_below
from galley.text.diagnostics import Diagnostic, Origin, Severity


class Reason(StrEnum):
    """Why a file's newest content, or its absence, is not in force."""

    REFUSED = "refused"
    UNREADABLE = "unreadable"
    DIRECTORY_MISSING = "directory-missing"
    DIRECTORY_EMPTY = "directory-empty"


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that is held. ``has_accepted_content`` tells whether earlier content of it is in force meanwhile."""

    path: str
    reason: Reason
    has_accepted_content: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """The files in force, by path in sorted order; and the refused ones, so that they are not judged again."""

    files: Mapping[str, LoadedFile] = field(default_factory=dict)
    refused: Mapping[str, LoadedFile] = field(default_factory=dict)

    @property
    def resources(self) -> tuple[Resource[Any], ...]:
        """All resources in force; no key occurs twice."""
        return tuple(resource for file in self.files.values() for resource in file.resources)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of judging one state of a source. ``diagnostics`` is all that is wrong now, not only what is new."""

    accepted: Accepted
    held: tuple[HeldFile, ...]
    diagnostics: tuple[Diagnostic, ...]


Load = Callable[[SourceFile, LoadedFile | None], LoadedFile]
"""Loads a file; the second argument is the content in force, whose unchanged resources may be taken over."""


def judge(state: SourceState, before: Accepted, load: Load, *, allow_empty: bool = False) -> Judgement:
    """Decide what is in force. ``load`` is called for files with new content only.

    ``allow_empty`` means a directory that is missing or empty as what it looks like: all of its files are deleted.
    """
    loaded = {path: _loaded(file, before, load) for path, file in state.files.items()}
    held, troubles = _hold(state, before, allow_empty)
    candidates = {file.path: before.files[file.path] for file in held if file.path in before.files}
    refused: dict[str, LoadedFile] = {}
    for path, file in loaded.items():
        if file.is_acceptable:
            candidates[path] = file
            continue
        refused[path] = file
        if path in before.files:
            candidates[path] = before.files[path]
    duplicates = _settle_duplicates(candidates, before.files)
    refused |= {path: loaded[path] for path in duplicates if path in loaded}
    held += tuple(HeldFile(path, Reason.REFUSED, path in candidates) for path in sorted(refused))
    diagnostics = [*troubles]
    for path in sorted({*candidates, *refused}):
        shown = refused.get(path) or candidates[path]
        diagnostics += shown.diagnostics + duplicates.get(path, ())
    files = {path: candidates[path] for path in sorted(candidates)}
    return Judgement(Accepted(files=files, refused=refused), held, tuple(diagnostics))


def _loaded(file: SourceFile, before: Accepted, load: Load) -> LoadedFile:
    accepted = before.files.get(file.path)
    for known in (accepted, before.refused.get(file.path)):
        if known is not None and known.source.digest == file.digest:
            return known
    return load(file, accepted)


def _hold(
    state: SourceState, before: Accepted, allow_empty: bool
) -> tuple[tuple[HeldFile, ...], tuple[Diagnostic, ...]]:
    """The accepted files that are not in ``state`` and yet not deleted, and the complaints about why."""
    absent = [path for path in before.files if path not in state.files]
    held: dict[str, HeldFile] = {}
    troubles: list[Diagnostic] = []
    for place, reason, diagnostic in _doubts(state):
        below = [path for path in absent if is_below(path, place) and path not in held]
        if reason is Reason.DIRECTORY_EMPTY and not below:
            troubles.append(_nothing_in(place))
            continue
        if allow_empty and reason in (Reason.DIRECTORY_MISSING, Reason.DIRECTORY_EMPTY):
            troubles.append(replace(diagnostic, severity=Severity.WARNING, hint=""))
            continue
        held |= {path: HeldFile(path, reason, True) for path in below}
        hint = f"{len(below)} files stay in force; {diagnostic.hint}" if below else diagnostic.hint
        troubles.append(replace(diagnostic, hint=hint))
    return tuple(held.values()), tuple(troubles)


def _doubts(state: SourceState) -> list[tuple[str, Reason, Diagnostic]]:
    """Places of which ``state`` does not tell what is there."""
    mean_it = "start with --allow-empty to mean it"
    doubts = []
    for root in state.missing:
        message = f"{root} does not exist"
        doubts.append((root, Reason.DIRECTORY_MISSING, _error("directory-missing", message, root, mean_it)))
    for path, why in state.unreadable.items():
        message = f"{path} cannot be read: {why}"
        doubts.append((path, Reason.UNREADABLE, _error("unreadable", message, path, "make it readable")))
    for root in state.roots:
        if root not in state.missing and not any(is_below(path, root) for path in state.files):
            message = f"{root} is suddenly empty"
            doubts.append((root, Reason.DIRECTORY_EMPTY, _error("directory-empty", message, root, mean_it)))
    return doubts


def _nothing_in(root: str) -> Diagnostic:
    message = f"there is no configuration file (*.yaml, *.yml, *.json) in {root}"
    return Diagnostic(Severity.WARNING, "no-configuration", message, Origin(root))


def _error(code: str, message: str, file: str, hint: str) -> Diagnostic:
    return Diagnostic(Severity.ERROR, code, message, Origin(file), hint)


def _settle_duplicates(
    candidates: dict[str, LoadedFile], before: Mapping[str, LoadedFile]
) -> dict[str, tuple[Diagnostic, ...]]:
    """Put files back to the content in force until no two of ``candidates`` define one resource.

    Of two files the one that defined it before keeps it, else the first by name. Contents that were in force together
    have no duplicates among them, so this ends. Returns the complaints by path.
    """
    owners = {resource.key: path for path, file in before.items() for resource in file.resources}
    complaints: dict[str, tuple[Diagnostic, ...]] = {}
    while losers := _losers(candidates, owners):
        for path, diagnostics in losers.items():
            complaints[path] = complaints.get(path, ()) + diagnostics
            if path in before and candidates[path] is not before[path]:
                candidates[path] = before[path]
            else:
                del candidates[path]
    return complaints


def _losers(
    candidates: Mapping[str, LoadedFile], owners: Mapping[ResourceKey, str]
) -> dict[str, tuple[Diagnostic, ...]]:
    claims: dict[ResourceKey, Resource[Any]] = {}
    claimants: dict[ResourceKey, str] = {}
    losers: dict[str, tuple[Diagnostic, ...]] = {}
    for path in sorted(candidates):
        for resource in candidates[path].resources:
            first = claims.setdefault(resource.key, resource)
            holder = claimants.setdefault(resource.key, path)
            if holder == path:
                continue
            loser, lost, kept = path, resource, first
            if owners.get(resource.key) == path:
                loser, lost, kept = holder, first, resource
                claims[resource.key], claimants[resource.key] = resource, path
            losers[loser] = (*losers.get(loser, ()), duplicate_resource(lost, kept))
    return losers
