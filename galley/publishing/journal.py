"""The accepted contents on disk: an append-only journal that a crash at any moment leaves readable.

Each change is one batch, appended and synced at once and closed by a hash of itself; a batch that was cut off is
ignored. When superseded contents outweigh the current ones, the journal is rewritten beside and renamed over.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from galley.atomic_write import PRIVATE, write_all, write_atomically

_MAGIC = b'{"journal":"galley-accepted","version":1}\n'
_NAME = "accepted.journal"
_SPARE = 1 << 20
"""Bytes of superseded contents that are never worth a rewrite."""


class StateInUseError(Exception):
    """Another process uses the state directory."""


class AcceptedJournal:
    """The contents in force, by the durable ids of their units, kept in ``directory``.

    For one process at a time; not thread-safe.
    """

    def __init__(self, directory: str | Path) -> None:
        """Open or create the journal. Raises StateInUseError, or OSError when the directory cannot be used."""
        self._directory = Path(directory)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            message = f"the state directory {directory} is in use by another process"
            raise StateInUseError(message) from error
        self._path = self._directory / _NAME
        self._contents, self._good_bytes, self.is_damaged = _read(self._path)
        self._must_rewrite = self.is_damaged or self._good_bytes == 0

    @property
    def contents(self) -> Mapping[str, bytes]:
        """Durable id to content, as of the last complete ``write``."""
        return self._contents

    def write(self, contents: Mapping[str, bytes]) -> None:
        """Make ``contents`` the accepted state. When this returns it has reached the disk.

        Raises OSError when it cannot; the state on disk is then, as a rule, the one before.
        """
        records = list(_changes(self._contents, contents))
        if not records:
            return
        live = sum(len(content) for content in contents.values())
        batch = _batch(records)
        if self._must_rewrite or self._good_bytes + len(batch) > 2 * live + _SPARE:
            self._rewrite(contents)
        else:
            self._append(batch)
        self._contents = dict(contents)

    def _append(self, batch: bytes) -> None:
        self._must_rewrite = True  # until the batch is complete the end of the file is in doubt
        with open(self._path, "r+b", buffering=0) as journal:
            journal.seek(self._good_bytes)
            write_all(journal.fileno(), batch)
            os.fsync(journal.fileno())
        self._must_rewrite = False
        self._good_bytes += len(batch)

    def _rewrite(self, contents: Mapping[str, bytes]) -> None:
        whole = _MAGIC + _batch(list(_changes({}, contents)))
        self._must_rewrite = True
        write_atomically(self._path, whole)
        self._good_bytes, self._must_rewrite = len(whole), False

    def close(self) -> None:
        """Let another process use the directory."""
        with suppress(OSError):
            os.close(self._lock)


def _changes(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Iterator[tuple[str, bytes | None]]:
    for unit, content in after.items():
        if before.get(unit) != content:
            yield unit, content
    for unit in before:
        if unit not in after:
            yield unit, None


def _batch(records: list[tuple[str, bytes | None]]) -> bytes:
    """Records, then the line that makes them count."""
    parts = []
    for unit, content in records:
        header: dict[str, Any] = {"delete": unit} if content is None else {"put": unit, "bytes": len(content)}
        parts.append(json.dumps(header).encode() + b"\n")
        if content is not None:
            parts.append(content + b"\n")
    body = b"".join(parts)
    commit = {"commit": sha256(body).hexdigest()}
    return body + json.dumps(commit).encode() + b"\n"


def _read(path: Path) -> tuple[dict[str, bytes], int, bool]:
    """The contents, how many bytes of the file are good, and whether more follow that are not."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}, 0, False
    if not data.startswith(_MAGIC):
        return {}, 0, True
    contents: dict[str, bytes] = {}
    good = position = len(_MAGIC)
    pending: list[tuple[str, bytes | None]] = []
    # Whatever a damaged line makes of json and indexes: RecursionError is that of a line of ten thousand brackets.
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        while position < len(data):
            end = data.index(b"\n", position) + 1
            header = json.loads(data[position:end])
            if "commit" in header:
                if header["commit"] != sha256(data[good:position]).hexdigest():
                    break
                _apply(contents, pending)
                pending = []
                good = position = end
            elif "delete" in header:
                pending.append((_unit(header["delete"]), None))
                position = end
            else:
                position = end + abs(header["bytes"]) + 1
                pending.append((_unit(header["put"]), data[end : position - 1]))
    return contents, good, good != len(data)


def _unit(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(name)
    return name


def _apply(contents: dict[str, bytes], records: list[tuple[str, bytes | None]]) -> None:
    for unit, content in records:
        if content is None:
            contents.pop(unit, None)
        else:
            contents[unit] = content
