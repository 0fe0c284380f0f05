"""The one way in which files are written: whole and to the disk, or not at all."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644


def write_atomically(path: Path, content: bytes, *, mode: int | None = PRIVATE) -> None:
    """Give ``path`` a new content. When this returns it has reached the disk; until then the old one is whole.

    The file has exactly ``mode``, whatever the umask says. None is for files of a person: one that is there keeps its
    mode, its owner and, where it is a symbolic link, its place; a new one has what the umask leaves of 0666. Writers of
    one directory wait for one another. OSError when it cannot be written: nothing is changed then.
    """
    if mode is None:
        path = Path(os.path.realpath(path))
    with _locked_directory(path.parent) as directory:
        temporary = path.with_name(f"{path.name}.new")
        with suppress(FileNotFoundError):  # left behind by a crash, perhaps with another mode
            os.unlink(temporary)
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if mode is None else mode
        )
        try:
            try:
                _give_mode(descriptor, path, mode)
                write_all(descriptor, content)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(temporary, path)
        except OSError:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        os.fsync(directory)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of ``content``, in as many steps as it takes. OSError when it cannot be."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_directory(directory: Path) -> None:
    """Make the names in ``directory`` reach the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked_directory(directory: Path) -> Iterator[int]:
    """A descriptor of ``directory``, locked where its file system can: over NFS a directory has no locks."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _give_mode(descriptor: int, path: Path, mode: int | None) -> None:
    """The mode that is wanted, else mode and owner of the file at ``path``; only root can give files away."""
    if mode is not None:
        os.fchmod(descriptor, mode)
        return
    with suppress(FileNotFoundError):
        known = os.stat(path)
        with suppress(PermissionError):
            os.fchown(descriptor, known.st_uid, known.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(known.st_mode))
