"""Where configuration comes from: a source yields the whole state of its files after every settled change."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol


@dataclass(frozen=True, slots=True, eq=False)
class SourceFile:
    """A file as it was read. An unchanged file is the same object from state to state.

    ``path`` is the root as the user wrote it, then the way below it; it names the file in every report.
    """

    path: str
    content: bytes = field(repr=False)
    digest: str

    @classmethod
    def of(cls, path: str, content: bytes) -> SourceFile:
        """The file with the hash of its content."""
        return cls(path=path, content=content, digest=sha256(content).hexdigest())


@dataclass(frozen=True, slots=True)
class SourceState:
    """All files of a source at one moment, by path in sorted order.

    ``missing`` names roots that do not exist, ``unreadable`` files and directories that could not be read, with the
    reason: what is below them is unknown, which is not the same as deleted.
    """

    roots: tuple[str, ...]
    files: Mapping[str, SourceFile]
    missing: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)


class ConfigSource(Protocol):
    """Anything that configuration can be read from."""

    def states(self) -> AsyncGenerator[SourceState, None]:
        """The state now, then the whole state again after every change. Close it to stop watching."""
        ...


def is_below(path: str, root: str) -> bool:
    """Whether ``path`` is ``root`` or lies below it, both as a ``SourceState`` writes them."""
    return path == root or path.startswith(root if root.endswith("/") else root + "/")
