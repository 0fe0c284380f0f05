"""Watches directory trees: one state per save, however editors and tools save; polling where events are silent."""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from watchdog.observers import Observer

from galley.failpoints import failpoint
from galley.sources import Doubt, SourceState, UnitId
from galley.sources.evidence import OBSERVED_EVENTS, WriteEvidence
from galley.sources.tree import Scan, TreeScanner, TreeState, is_below, without_slash
from galley.text.diagnostics import Diagnostic, Origin, Severity

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver, ObservedWatch

QUIET = 0.01
"""Seconds without an event after which a burst of them counts as over."""

POLL_INTERVAL = 1.0
"""Seconds between scans when no event comes: bind mounts, network file systems and overflowed queues tell nothing."""

_IDLE_SHARE = 0.008
"""The part of a processor that polling may take: a large tree is looked at less often. Events come at once anyway."""

_LONGEST_BURST = 1.0
_LONGEST_CHECKOUT = 5.0
_FIRST_STATE_PATIENCE = 2.0
_MOST_SCANS = 10


class DirectorySource:
    """Reads ``*.yaml``, ``*.yml`` and ``*.json`` below each root; a root may also be one file of any name.

    Hidden files and directories (a leading dot) are not read, except through links from outside of them, which is
    how Kubernetes mounts a ConfigMap. Links are followed; those that lead out of their root are told, unless
    ``follow_links`` says that they are meant. Each file is a unit; its id is its path: the
    root as it is written here, then the way below it. Durable ids are absolute paths.
    """

    def __init__(
        self,
        roots: Sequence[str],
        *,
        follow_links: bool = False,
        poll_interval: float = POLL_INTERVAL,
        quiet: float = QUIET,
    ) -> None:
        self._follow_links = follow_links
        self._roots = without_slash(roots)
        self._poll_interval = poll_interval
        self._quiet = quiet

    async def states(self) -> AsyncGenerator[SourceState, None]:
        """The state now, then the whole state again after every settled change."""
        watch = _Watch(self._roots, asyncio.get_running_loop())
        scanner = TreeScanner(self._roots)
        try:
            scan = await self._first_scan(watch, scanner)
            yield self._state_of(scan)
            while True:
                idle = max(self._poll_interval, scan.cost / _IDLE_SHARE)
                wait = idle if scan.wait is None else min(scan.wait, idle)
                if await watch.event_within(wait):
                    await self._settle(watch)
                scan = await _scan(watch, scanner)
                failpoint("source")
                if scan.changed:
                    yield self._state_of(scan)
        finally:
            await asyncio.to_thread(watch.stop)

    def _state_of(self, scan: Scan) -> SourceState:
        tree = scan.state
        return state_of(replace(tree, outside={}) if self._follow_links else tree)

    def durable_id(self, unit: UnitId) -> str:
        """The absolute path, which stays the same when the root is written differently, or from elsewhere."""
        return os.path.abspath(unit)

    def unit_id(self, durable_id: str) -> UnitId | None:
        """The path through the first root that holds the absolute one; None when no root does."""
        for root in self._roots:
            base = os.path.abspath(root)
            if is_below(durable_id, base):
                return root + durable_id[len(base) :]
        return None

    async def _first_scan(self, watch: _Watch, scanner: TreeScanner) -> Scan:
        """Scan until nothing is left for later, within reason: the first state decides whether to start at all."""
        deadline = time.monotonic() + _FIRST_STATE_PATIENCE
        scan = await _scan(watch, scanner)
        while scan.wait is not None and time.monotonic() < deadline:
            await watch.event_within(scan.wait)
            scan = await _scan(watch, scanner)
        return scan

    async def _settle(self, watch: _Watch) -> None:
        """Wait for the end of a burst of events, and of a ``git checkout`` in which they come."""
        started = time.monotonic()
        while await watch.event_within(self._quiet) and time.monotonic() - started < _LONGEST_BURST:
            pass
        while watch.is_checked_out_by_git() and time.monotonic() - started < _LONGEST_CHECKOUT:
            await watch.event_within(self._quiet)


def read_paths(paths: Sequence[str]) -> TreeState:
    """The files at ``paths``, and below those that are directories, once, as the watching source would choose them.

    ``missing`` and ``unreadable`` of the result name what could not be read.
    """
    scanner = TreeScanner(tuple(paths))
    evidence = WriteEvidence(lambda: None)
    # An endless age: nobody is expected to be still writing what is read once.
    scan = scanner.scan(evidence, wall=math.inf, monotonic=0.0)
    for _ in range(_MOST_SCANS):
        if scan.wait is None:
            break
        scan = scanner.scan(evidence, wall=math.inf, monotonic=0.0)
    return scan.state


def state_of(tree: TreeState) -> SourceState:
    """The files as units, and doubts about what is missing, unreadable or suddenly empty."""
    doubts = [
        _doubt(root, "directory-missing", f"{root} does not exist", "its directory is missing") for root in tree.missing
    ]
    for path, reason in tree.unreadable.items():
        message = f"{path} cannot be read: {reason}"
        doubts.append(_doubt(path, "unreadable", message, "not readable", hint="make it readable", may_be_meant=False))
    for root in tree.replaced:
        message = f"{root} was a directory and is a file now"
        doubt = _doubt(root, "directory-replaced", message, "its directory is a file")
        doubts.append(replace(doubt, covers=partial(_is_inside, root), is_silent_when_none_held=True))
    for path in tree.dangling:
        doubt = _doubt(path, "dangling-link", f"{path} is a link to nothing", "its target is missing",
                       hint=_BRING_BACK, may_be_meant=False)  # fmt: skip
        doubts.append(replace(doubt, when_none_held=_dangling(path)))
    for root in tree.roots:
        if root not in tree.missing and not any(is_below(path, root) for path in tree.files):
            doubt = _doubt(root, "directory-empty", f"{root} is suddenly empty", "its directory is empty")
            doubts.append(replace(doubt, when_none_held=_nothing_in(root)))
    for path, target in tree.outside.items():
        # A notice, which covers nothing: whoever writes that file writes rules of this mesh.
        notice = _leads_outside(path, target)
        doubts.append(Doubt(covers=lambda _: False, diagnostic=notice, why="", when_none_held=notice))
    return SourceState(units=tree.files, doubts=tuple(doubts))


def _doubt(
    path: str,
    code: str,
    message: str,
    why: str,
    *,
    hint: str = "start with --allow-empty to mean it",
    may_be_meant: bool = True,
) -> Doubt:
    """Doubt about all that is at ``path`` or below it."""
    return Doubt(
        covers=lambda unit: is_below(unit, path),
        diagnostic=Diagnostic(Severity.ERROR, code, message, Origin(path), hint),
        why=why,
        may_be_meant=may_be_meant,
    )


def _is_inside(root: str, path: str) -> bool:
    return path != root and is_below(path, root)


def link_notices(tree: TreeState, *, follow_links: bool = False) -> tuple[Diagnostic, ...]:
    """Warnings of links that lead nowhere, and unless ``follow_links`` of those that lead out of their root."""
    outside = [] if follow_links else [_leads_outside(path, target) for path, target in tree.outside.items()]
    return (*map(_dangling, tree.dangling), *outside)


def _leads_outside(path: str, target: str) -> Diagnostic:
    message = f"{path} leads out of its directory, to {target}"
    return Diagnostic(Severity.WARNING, "link-outside", message, Origin(path), "--follow-links says that it is meant")


def _dangling(path: str) -> Diagnostic:
    return Diagnostic(Severity.WARNING, "dangling-link", f"{path} is a link to nothing", Origin(path), _BRING_BACK)


_BRING_BACK = "bring its target back, or remove the link"


def _nothing_in(root: str) -> Diagnostic:
    message = f"there is no configuration file (*.yaml, *.yml, *.json) in {root}"
    return Diagnostic(Severity.WARNING, "no-configuration", message, Origin(root))


async def _scan(watch: _Watch, scanner: TreeScanner) -> Scan:
    return await asyncio.to_thread(_scan_now, watch, scanner)


def _scan_now(watch: _Watch, scanner: TreeScanner) -> Scan:
    began = time.thread_time()
    watch.renew()
    scan = scanner.scan(watch.evidence, wall=time.time(), monotonic=time.monotonic())
    return replace(scan, cost=time.thread_time() - began)


class _Watch:
    """watchdog's observer on the roots, kept up while roots are replaced, and the way from its threads to the loop."""

    def __init__(self, roots: tuple[str, ...], loop: asyncio.AbstractEventLoop) -> None:
        self._roots = roots
        self._loop = loop
        self._woken = asyncio.Event()
        self._observer: BaseObserver | None = None
        self._watches: dict[str, tuple[ObservedWatch, tuple[int, int]]] = {}
        self.evidence = WriteEvidence(self._wake)

    def _wake(self) -> None:
        if not self._woken.is_set():
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                self._loop.call_soon_threadsafe(self._woken.set)

    async def event_within(self, seconds: float) -> bool:
        """Whether an event came before ``seconds`` were over, or since the last call."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        self._woken.clear()
        return True

    def renew(self) -> None:
        """Watch every root that exists, again when another directory has taken its place."""
        wanted = dict(_watched_directories(self._roots))
        for path, (watch, identity) in list(self._watches.items()):
            if wanted.get(path, (False, None))[1] != identity:
                self._unschedule(watch)
                del self._watches[path]
        for path, (is_recursive, identity) in wanted.items():
            if path not in self._watches:
                # Without a watch (the system's limit is reached, say) polling still finds changes.
                with suppress(OSError):
                    self._watches[path] = (self._schedule(path, is_recursive), identity)

    def _schedule(self, path: str, is_recursive: bool) -> ObservedWatch:
        if self._observer is None:
            observer = _make_observer()
            observer.daemon = True
            observer.start()
            self._observer = observer
        return self._observer.schedule(self.evidence, path, recursive=is_recursive, event_filter=OBSERVED_EVENTS)

    def _unschedule(self, watch: ObservedWatch) -> None:
        if self._observer is not None:
            with suppress(KeyError, OSError):  # its emitter stopped by itself when the directory went away
                self._observer.unschedule(watch)

    def is_checked_out_by_git(self) -> bool:
        """Whether a fresh ``index.lock`` tells that git is at work in a repository that holds a root."""
        return any(_has_fresh_lock(os.path.realpath(root)) for root in self._roots)

    def stop(self) -> None:
        """Stop the observer's threads and wait for them."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()


def _watched_directories(roots: tuple[str, ...]) -> list[tuple[str, tuple[bool, tuple[int, int]]]]:
    """The directories to watch: recursively or not, with their identity on disk.

    Of a root that is a file, or a link, also the directory that it stands in: there it is replaced.
    """
    directories: dict[str, tuple[bool, tuple[int, int]]] = {}

    def add(path: str, is_recursive: bool) -> None:
        with suppress(OSError):
            status = os.stat(path)
            is_recursive = is_recursive or directories.get(path, (False,))[0]
            directories[path] = (is_recursive, (status.st_dev, status.st_ino))

    for root in roots:
        real = os.path.realpath(root)
        if os.path.isdir(real):
            add(real, True)
        else:
            add(os.path.dirname(real), False)
        if os.path.islink(root):
            add(os.path.realpath(os.path.dirname(os.path.abspath(root))), False)
    return list(directories.items())


def _make_observer() -> BaseObserver:
    if sys.platform == "linux":
        from watchdog.observers.inotify import InotifyObserver  # noqa: PLC0415 - fails to import elsewhere

        # Full events tell a file moved in from outside (complete) from one just created (empty as yet).
        return InotifyObserver(generate_full_events=True)
    return Observer()


_LOCK_AGE = 10.0
"""Seconds after which git's lock counts as left behind by a crash."""


def _has_fresh_lock(directory: str) -> bool:
    while True:
        with suppress(OSError):
            repository = os.path.join(directory, ".git")
            if os.path.isdir(repository):
                return time.time() - os.stat(os.path.join(repository, "index.lock")).st_mtime < _LOCK_AGE
        parent = os.path.dirname(directory)
        if parent == directory or os.path.isdir(os.path.join(directory, ".git")):
            return False
        directory = parent
