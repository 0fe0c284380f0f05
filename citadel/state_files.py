"""Files that hold secrets: written so that a crash leaves the old or the new content, read only when they are private.

Every error says in one line what to do about it.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PRIVATE = 0o600
PUBLIC = 0o644
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


def write_atomically(path: Path, content: bytes, *, mode: int = PRIVATE) -> None:
    """Give ``path`` a new content. When this returns it has reached the disk; until then the old one is whole.

    OSError when that fails. Two writers of one path need a lock between them.
    """
    temporary = path.with_name(f"{path.name}.new")
    with suppress(FileNotFoundError):  # left behind by a crash, perhaps with another mode
        os.unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    finally:
        os.close(descriptor)
    os.rename(temporary, path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in ``directory`` reach the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Be the only one who writes in ``directory``; waits for another. The lock ends with the process."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
