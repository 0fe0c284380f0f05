"""Locks between demos: files that one process at a time holds, until it ends, however it ends."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_SECONDS = 0.05


class AlreadyRunningError(Exception):
    """Another demo holds the lock."""


@contextmanager
def locked(file: Path, *, otherwise: str | None = None, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock ``file``. Waits for it; with ``otherwise`` only ``patience`` seconds, and then raises
    AlreadyRunningError with that sentence.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lock:
        if otherwise is None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        else:
            deadline = time.monotonic() + patience
            while not _try(lock.fileno()):
                if time.monotonic() >= deadline:
                    raise AlreadyRunningError(otherwise)
                time.sleep(POLL_SECONDS)
        yield


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
