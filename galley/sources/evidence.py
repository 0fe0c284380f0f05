"""What file system events tell about a write: whether it is under way or complete."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from enum import Enum

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)

# Nothing that our own scans cause (opened, closed after reading), or each scan would cause the next.
OBSERVED_EVENTS: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]

_TELLS_OF_CLOSING = sys.platform == "linux"
_MAX_PATHS = 10_000
"""Evidence only saves waiting; of a tree where more goes on than this it is dropped."""


class Write(Enum):
    """The latest that is known of a file: a writer has it open, or it was closed or moved into place."""

    OPEN = "open"
    COMPLETE = "complete"


class WriteEvidence(FileSystemEventHandler):
    """Collects events from watchdog's threads. ``wake`` is called, in such a thread, after each of them."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._writes: dict[str, Write] = {}
        self._moved_to: dict[str, str] = {}

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Record what ``event`` tells of its path."""
        if not event.is_directory:
            self._record(event)
        self._wake()

    def _record(self, event: FileSystemEvent) -> None:
        source, target = _text(event.src_path), _text(event.dest_path)
        with self._lock:
            if len(self._writes) + len(self._moved_to) > _MAX_PATHS:
                self._writes.clear()
                self._moved_to.clear()
            if isinstance(event, FileMovedEvent):
                self._writes.pop(source, None)
                if target:
                    self._writes[target] = Write.COMPLETE
                    self._moved_to[source] = target
            elif isinstance(event, FileClosedEvent):
                self._writes[source] = Write.COMPLETE
            elif isinstance(event, FileModifiedEvent):
                if _TELLS_OF_CLOSING:
                    self._writes[source] = Write.OPEN
            else:  # created or deleted: what was known of the path is of another file
                self._writes.pop(source, None)
            if not isinstance(event, FileMovedEvent):
                self._moved_to.pop(source, None)

    def write(self, path: str) -> Write | None:
        """The latest write to ``path`` (a real path), if events told of one."""
        with self._lock:
            return self._writes.get(path)

    def moved_to(self, path: str) -> str | None:
        """Where the file was moved that was at ``path``."""
        with self._lock:
            return self._moved_to.get(path)

    def forget(self, path: str) -> None:
        """Drop what is known of a file that has been read, or whose absence has been noted."""
        with self._lock:
            if self._writes.get(path) is Write.COMPLETE:
                del self._writes[path]
            self._moved_to.pop(path, None)


def _text(path: bytes | str) -> str:
    return path if isinstance(path, str) else path.decode("utf-8", "surrogateescape")
