"""One scan of directory trees: which files there are, which of them changed, and which are better left for later.

A scan reads only files whose signature (mtime, ctime, size, inode) changed, and of those only the ones that no
writer is busy with, as far as events and time stamps tell.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from galley.sources import Unit
from galley.sources.evidence import Write, WriteEvidence

SUFFIXES = (".yaml", ".yml", ".json")

READ_LIMIT = 16 << 20
"""Bytes read of one file; the composer's own limit is far below and gives the diagnostic."""

# Seconds. How long a file is left alone after its last modification …
_EMPTY_GRACE = 0.2  # … when it is empty: truncated, and its content is probably on the way
_OPEN_GRACE = 1.0  # … when events told that a writer has it open
_UNSEEN_GRACE = 0.1  # … when no event told anything of it
_LONGEST_WAIT = 5.0  # … and at most, when the modifications do not end
# How long a file must be absent to count as deleted: many tools remove and create where they could rename.
_ABSENT_GRACE = 0.1
# Two writes within one tick of the kernel's clock have the same mtime; a younger signature proves nothing.
_CLOCK_TICK = 0.02
_SHORTEST_WAIT = 0.005

_DEEPEST = 100
"""Directories below each other that are read."""

Signature = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class TreeState:
    """All files below the roots at one moment, by path in sorted order.

    A path is the root as the user wrote it, without a slash at its end, then the way below it. ``missing`` names roots
    that do not exist, ``replaced`` those that were directories and are files now, ``dangling`` links whose target is
    gone, ``unreadable`` files and directories that could not be read, with the reason: what is there or below them is
    unknown, which is not the same as deleted. ``outside`` are links that lead out of their root, and where to.
    """

    roots: tuple[str, ...]
    files: Mapping[str, Unit]
    missing: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    replaced: tuple[str, ...] = ()
    dangling: tuple[str, ...] = ()
    outside: Mapping[str, str] = field(default_factory=dict)

    def is_like(self, other: TreeState) -> bool:
        """Whether both say the same of the same files; unchanged files are the same objects."""
        return (
            (self.missing, self.replaced, self.dangling) == (other.missing, other.replaced, other.dangling)
            and (self.unreadable, self.outside) == (other.unreadable, other.outside)
            and len(self.files) == len(other.files)
            and all(other.files.get(path) is file for path, file in self.files.items())
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A candidate met on the way: its path as the user would write it, where it was met, its status."""

    path: str
    location: str
    status: os.stat_result
    is_link: bool

    @property
    def real(self) -> str:
        """The path that events tell of; asked for changed files only, as it costs some system calls for a link."""
        return os.path.realpath(self.location) if self.is_link else self.location

    @property
    def signature(self) -> Signature:
        """What differs whenever the content may: times, size, and the file itself."""
        status = self.status
        return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev)


@dataclass(slots=True)
class _Known:
    """What is remembered of a file between scans."""

    file: Unit
    found: Found
    is_racy: bool


@dataclass(frozen=True, slots=True)
class Scan:
    """The result of one scan. ``wait`` is when to look again, in seconds, if something was left for later; ``cost`` are
    the seconds of CPU that it took."""

    state: TreeState
    changed: bool
    wait: float | None
    cost: float = 0.0


class TreeScanner:
    """Scans the same roots again and again. Not thread-safe."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        self._roots = without_slash(roots)
        self._known: dict[str, _Known] = {}
        self._absent_since: dict[str, float] = {}
        self._held_since: dict[str, float] = {}
        self._dangling_since: dict[str, float] = {}
        self._state: TreeState | None = None

    def scan(self, evidence: WriteEvidence, *, wall: float, monotonic: float) -> Scan:
        """Look at everything once. ``wall`` is compared with time stamps of files, ``monotonic`` with itself."""
        look = _Look(_Walk(self._roots), evidence, wall, monotonic)
        self._doubt_links(look)
        for path in self._known.keys() - look.walk.found.keys():
            self._note_absence(path, look)
        # A move is a removal and an addition, and a checkout is many: while a removal is in doubt all else waits with
        # it, so that no state shows half of the change.
        in_doubt = look.wait is not None
        for path, found in look.walk.found.items():
            self._absent_since.pop(path, None)
            known = self._known.get(path)
            if known is not None and known.found.signature == found.signature:
                self._held_since.pop(path, None)
                if known.is_racy:
                    self._read(found, look)
            elif in_doubt:
                continue
            elif (grace := self._grace(found, look)) > 0:
                look.again_in(grace)
            else:
                self._read(found, look)
        return self._result(look)

    def _doubt_links(self, look: _Look) -> None:
        """A link whose target is gone for a moment is being swapped; after that its file has vanished."""
        absent = {path: self._dangling_since.get(path, look.monotonic) for path in look.walk.dangling}
        self._dangling_since = absent
        for since in absent.values():
            if look.monotonic - since < _ABSENT_GRACE:
                look.again_in(_ABSENT_GRACE - (look.monotonic - since))

    def _note_absence(self, path: str, look: _Look) -> None:
        if look.walk.hides(path):
            return
        real = self._known[path].found.real
        target = look.evidence.moved_to(real)
        absent = look.monotonic - self._absent_since.setdefault(path, look.monotonic)
        if absent < _ABSENT_GRACE and not (target is not None and is_config_name(os.path.basename(target))):
            look.again_in(_ABSENT_GRACE - absent)
            return
        look.evidence.forget(real)
        del self._known[path], self._absent_since[path]
        self._held_since.pop(path, None)

    def _grace(self, found: Found, look: _Look) -> float:
        """Seconds to leave a changed file alone; not positive when it may be read now."""
        known = self._known.get(found.path)
        age = look.wall - found.status.st_mtime
        write = look.evidence.write(found.real)
        if age < 0:  # another machine's clock; nothing can be told
            return 0.0
        if found.status.st_size == 0:
            grace = _EMPTY_GRACE - age
        elif write is Write.OPEN:
            grace = _OPEN_GRACE - age
        elif write is Write.COMPLETE:
            return 0.0
        elif found.is_link and known is not None and known.found.status.st_ino != found.status.st_ino:
            return 0.0  # a link was swapped, which is atomic
        else:
            grace = _UNSEEN_GRACE - age
        if grace > 0 and look.monotonic - self._held_since.setdefault(found.path, look.monotonic) > _LONGEST_WAIT:
            return 0.0
        return grace

    def _read(self, found: Found, look: _Look) -> None:
        look.evidence.forget(found.real)
        self._held_since.pop(found.path, None)
        try:
            content = _read_whole(found)
        except FileNotFoundError:
            look.again_in(_ABSENT_GRACE)
            return
        except OSError as error:
            look.walk.unreadable[found.path] = error.strerror or str(error)
            return
        if content is None:  # written to while it was read
            look.again_in(_CLOCK_TICK)
            return
        is_racy = look.wall - found.status.st_mtime < _CLOCK_TICK
        if is_racy:
            look.again_in(_CLOCK_TICK)
        known = self._known.get(found.path)
        file = Unit.of(found.path, content)
        if known is not None and known.file.digest == file.digest:
            file = known.file
        self._known[found.path] = _Known(file=file, found=found, is_racy=is_racy)

    def _result(self, look: _Look) -> Scan:
        walk = look.walk
        before = self._state
        files = {path: self._known[path].file for path in sorted(self._known) if not walk.hides(path)}
        state = TreeState(
            self._roots,
            files,
            missing=tuple(walk.missing),
            unreadable=dict(sorted(walk.unreadable.items())),
            replaced=tuple(walk.files_as_roots),
            dangling=tuple(
                path for path, since in sorted(self._dangling_since.items()) if look.monotonic - since >= _ABSENT_GRACE
            ),
            outside=dict(sorted(walk.outside.items())),
        )
        if before is not None and state.is_like(before):
            return Scan(before, False, look.wait)
        self._state = state
        return Scan(state, True, look.wait)


class _Look:
    """What one scan goes by: the walk, the evidence, both clocks; and when the next scan should come."""

    def __init__(self, walk: _Walk, evidence: WriteEvidence, wall: float, monotonic: float) -> None:
        self.walk = walk
        self.evidence = evidence
        self.wall = wall
        self.monotonic = monotonic
        self.wait: float | None = None

    def again_in(self, seconds: float) -> None:
        """Ask for another scan after so many seconds, or sooner."""
        seconds = max(seconds, _SHORTEST_WAIT)
        self.wait = seconds if self.wait is None else min(self.wait, seconds)


class _Walk:
    """One walk over the roots: the candidates, and where it could not look."""

    def __init__(self, roots: tuple[str, ...]) -> None:
        self.found: dict[str, Found] = {}
        # Keys in the order of the walk; each is asked for every path that is not there.
        self.missing: dict[str, None] = {}
        self.unreadable: dict[str, str] = {}
        self.dangling: dict[str, None] = {}
        self.outside: dict[str, str] = {}
        self.files_as_roots: dict[str, None] = {}
        self._visited: set[tuple[int, int]] = set()
        self._base, self._root = 0, ""
        for root in roots:
            self._walk_root(root)

    def hides(self, path: str) -> bool:
        """Whether ``path`` may well exist, below something that could not be read."""
        if path in self.found:
            return False
        hiding = (self.unreadable, self.missing, self.dangling, self.files_as_roots)
        return any(above in some for above in path_and_above(path) for some in hiding)

    def _walk_root(self, root: str) -> None:
        real = os.path.realpath(root)
        self._base, self._root = root.count("/"), real
        try:
            status = os.stat(real)
        except FileNotFoundError:
            self.missing[root] = None
            return
        except OSError as error:
            self.unreadable[root] = error.strerror or str(error)
            return
        if stat.S_ISDIR(status.st_mode):
            self._walk_directory(root, real, status)
        elif stat.S_ISREG(status.st_mode):
            self._add_root(Found(root, real, status, False))
            self.files_as_roots[root] = None
        else:
            self.unreadable[root] = "neither a directory nor a regular file"

    def _walk_directory(self, path: str, real: str, status: os.stat_result) -> None:
        identity = (status.st_dev, status.st_ino)
        if path.count("/") - self._base > _DEEPEST:
            self.unreadable[path] = f"it lies more than {_DEEPEST} directories deep"
            return
        if identity in self._visited:  # a link to a directory above, or roots that overlap
            return
        self._visited.add(identity)
        try:
            with os.scandir(real) as entries:
                ordered = sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name))
        except FileNotFoundError:
            return
        except OSError as error:
            self.unreadable[path] = error.strerror or str(error)
            return
        for entry in ordered:
            if not entry.name.startswith("."):
                self._visit(f"{path}/{entry.name}", entry)

    def _visit(self, path: str, entry: os.DirEntry[str]) -> None:
        is_link = entry.is_symlink()
        try:
            if not (is_config_name(entry.name) or is_link or entry.is_dir()):
                return
            status = entry.stat()
        except FileNotFoundError:
            if is_link:  # else it was removed meanwhile
                self.dangling[path] = None
            return
        except OSError as error:
            self.unreadable[path] = error.strerror or str(error)
            return
        if is_link and (stat.S_ISDIR(status.st_mode) or is_config_name(entry.name)):
            self._note_target(path, os.path.realpath(entry.path))
        if stat.S_ISDIR(status.st_mode):
            self._walk_directory(path, os.path.realpath(entry.path) if is_link else entry.path, status)
        elif not (stat.S_ISREG(status.st_mode) and is_config_name(entry.name)):
            return
        elif path.isprintable():
            self.found[path] = Found(path, entry.path, status, is_link)
        else:
            self.unreadable[path.encode("utf-8", "replace").decode()] = "its name is not printable UTF-8 text"

    def _note_target(self, path: str, real: str) -> None:
        if not is_below(real, self._root):
            self.outside[path] = real

    def _add_root(self, found: Found) -> None:
        """Add a root that is a file, unless it has been met below another root."""
        if not any(other.signature == found.signature and other.real == found.real for other in self.found.values()):
            self.found[found.path] = found


def without_slash(roots: Iterable[str]) -> tuple[str, ...]:
    """Roots as paths begin with them: without a slash at the end."""
    return tuple(root.rstrip("/") or "/" for root in roots)


def is_below(path: str, root: str) -> bool:
    """Whether ``path`` is ``root`` or lies below it, both as a ``TreeState`` writes them."""
    return path == root or path.startswith(root if root.endswith("/") else root + "/")


def path_and_above(path: str) -> Iterator[str]:
    """``path``, then the directories above it, the nearest first."""
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield "/"


def is_config_name(name: str) -> bool:
    """Whether a file of this name is read; names of backups and of temporary files have no such suffix or a dot."""
    return name.endswith(SUFFIXES) and not name.startswith(".")


def _read_whole(found: Found) -> bytes | None:
    """The content of a file, or None when it changed meanwhile."""
    descriptor = os.open(found.real, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb", buffering=0) as stream:
        chunks = list(_chunks(stream.fileno()))
        after = os.fstat(stream.fileno())
    same = (after.st_mtime_ns, after.st_size, after.st_ino) == (
        found.status.st_mtime_ns,
        found.status.st_size,
        found.status.st_ino,
    )
    return b"".join(chunks) if same else None


def _chunks(descriptor: int) -> Iterator[bytes]:
    left = READ_LIMIT
    while left > 0 and (chunk := os.read(descriptor, min(left, 1 << 20))):
        left -= len(chunk)
        yield chunk
