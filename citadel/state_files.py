"""Directories and files that hold secrets: made private, read only while they are private.

Every error says in one line what to do about it.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from galley.atomic_write import PRIVATE, sync_directory

_OTHERS = 0o077


class StateError(Exception):
    """State on disk that cannot be used as it is; the text says what to do."""


def make_private_directory(directory: Path) -> None:
    """Make ``directory`` and what is above it (0700) unless it is there. StateError when others may look into it."""
    try:
        missing = [directory, *directory.parents]
        for each in reversed(missing):
            if not each.exists():
                each.mkdir(mode=0o700, exist_ok=True)
                sync_directory(each.parent)
    except OSError as failure:
        raise StateError(f"cannot make the directory {directory}: {failure.strerror}") from failure
    check_private_directory(directory)


def check_private_directory(directory: Path) -> None:
    """StateError when others than the owner may look into ``directory``."""
    mode = stat.S_IMODE(directory.stat().st_mode)
    if mode & _OTHERS:
        raise StateError(f"{directory} is open to others (mode {mode:04o}); run: chmod 700 {directory}")


def read_private(path: Path, *, limit: int = 1 << 20) -> bytes:
    """The content of a file that holds a key.

    FileNotFoundError when there is none; StateError when others may read it, or it is larger than ``limit`` bytes.
    """
    try:
        with open(path, "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & _OTHERS:
                raise StateError(f"{path} can be read by others (mode {mode:04o}); run: chmod 600 {path}")
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise
    except OSError as failure:
        raise StateError(f"cannot read {path}: {failure.strerror}") from failure
    if len(content) > limit:
        raise StateError(f"{path} is larger than {limit} bytes; is it the right file?")
    return content


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Be the only one who writes in ``directory``; waits for another. The lock ends with the process."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
