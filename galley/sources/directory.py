"""Watches directory trees: one state per save, however editors and tools save; polling where events are silent."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from watchdog.observers import Observer

from galley.sources import SourceState
from galley.sources.evidence import OBSERVED_EVENTS, WriteEvidence
from galley.sources.tree import Scan, TreeScanner

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver, ObservedWatch

QUIET = 0.01
"""Seconds without an event after which a burst of them counts as over."""

POLL_INTERVAL = 1.0
"""Seconds between scans when no event comes: bind mounts, network file systems and overflowed queues tell nothing."""

_LONGEST_BURST = 1.0
_LONGEST_CHECKOUT = 5.0
_FIRST_STATE_PATIENCE = 2.0


class DirectorySource:
    """Reads ``*.yaml``, ``*.yml`` and ``*.json`` below each root; a root may also be one file of any name.

    Hidden files and directories (a leading dot) are not read, except through links from outside of them, which is
    how Kubernetes mounts a ConfigMap. Links to directories are followed.
    """

    def __init__(self, roots: Sequence[str], *, poll_interval: float = POLL_INTERVAL, quiet: float = QUIET) -> None:
        self._roots = tuple(roots)
        self._poll_interval = poll_interval
        self._quiet = quiet

    async def states(self) -> AsyncGenerator[SourceState, None]:
        """The state now, then the whole state again after every settled change."""
        watch = _Watch(self._roots, asyncio.get_running_loop())
        scanner = TreeScanner(self._roots)
        try:
            scan = await self._first_scan(watch, scanner)
            yield scan.state
            while True:
                wait = self._poll_interval if scan.wait is None else min(scan.wait, self._poll_interval)
                if await watch.event_within(wait):
                    await self._settle(watch)
                scan = await _scan(watch, scanner)
                if scan.changed:
                    yield scan.state
        finally:
            await asyncio.to_thread(watch.stop)

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


async def _scan(watch: _Watch, scanner: TreeScanner) -> Scan:
    return await asyncio.to_thread(_scan_now, watch, scanner)


def _scan_now(watch: _Watch, scanner: TreeScanner) -> Scan:
    watch.renew()
    return scanner.scan(watch.evidence, wall=time.time(), monotonic=time.monotonic())


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
        wanted = dict(_places(self._roots))
        for place, (watch, identity) in list(self._watches.items()):
            if wanted.get(place, (False, None))[1] != identity:
                self._unschedule(watch)
                del self._watches[place]
        for place, (is_recursive, identity) in wanted.items():
            if place not in self._watches:
                # Without a watch (the system's limit is reached, say) polling still finds changes.
                with suppress(OSError):
                    self._watches[place] = (self._schedule(place, is_recursive), identity)

    def _schedule(self, place: str, is_recursive: bool) -> ObservedWatch:
        if self._observer is None:
            observer = _make_observer()
            observer.daemon = True
            observer.start()
            self._observer = observer
        return self._observer.schedule(self.evidence, place, recursive=is_recursive, event_filter=OBSERVED_EVENTS)

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


def _places(roots: tuple[str, ...]) -> list[tuple[str, tuple[bool, tuple[int, int]]]]:
    """The directories to watch: recursively or not, with their identity on disk.

    Of a root that is a file, or a link, also the directory that it stands in: there it is replaced.
    """
    places: dict[str, tuple[bool, tuple[int, int]]] = {}

    def add(place: str, is_recursive: bool) -> None:
        with suppress(OSError):
            status = os.stat(place)
            is_recursive = is_recursive or places.get(place, (False,))[0]
            places[place] = (is_recursive, (status.st_dev, status.st_ino))

    for root in roots:
        real = os.path.realpath(root)
        if os.path.isdir(real):
            add(real, True)
        else:
            add(os.path.dirname(real), False)
        if os.path.islink(root):
            add(os.path.realpath(os.path.dirname(os.path.abspath(root))), False)
    return list(places.items())


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
