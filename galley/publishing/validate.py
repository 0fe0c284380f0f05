"""Checks files as the server would: the same reading, composing, decoding and cross-checking, once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from galley.decoding.documents import decode_file
from galley.meta import Resource
from galley.references import check_references
from galley.snapshot import build_snapshot
from galley.sources import SourceState
from galley.sources.evidence import WriteEvidence
from galley.sources.tree import TreeScanner
from galley.text.diagnostics import Diagnostic, Origin, Severity

_MOST_SCANS = 10


@dataclass(frozen=True, slots=True)
class Validation:
    """What was read and what is wrong with it, file by file. ``files`` holds the content of each."""

    files: Mapping[str, bytes]
    resources: tuple[Resource[Any], ...]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def has_errors(self) -> bool:
        return any(diagnostic.is_error for diagnostic in self.diagnostics)


def read_paths(paths: Sequence[str]) -> SourceState:
    """The files at ``paths``, and below those that are directories, as the watching server would choose them.

    ``missing`` and ``unreadable`` of the result name what could not be read.
    """
    scanner = TreeScanner(tuple(paths))
    evidence = WriteEvidence(lambda: None)
    # An endless age: nobody is expected to be still writing what is to be validated.
    scan = scanner.scan(evidence, wall=math.inf, monotonic=0.0)
    for _ in range(_MOST_SCANS):
        if scan.wait is None:
            break
        scan = scanner.scan(evidence, wall=math.inf, monotonic=0.0)
    return scan.state


def validate(
    files: Mapping[str, bytes],
    *,
    unreadable: Mapping[str, str] | None = None,
    accept_unenforced: bool = False,
    identities: bool = False,
) -> Validation:
    """Decode every file by itself, then, unless a file is broken already, check them together."""
    resources: list[Resource[Any]] = []
    diagnostics = [
        Diagnostic(Severity.ERROR, "unreadable-file", f"the file cannot be read: {reason}", Origin(path))
        for path, reason in (unreadable or {}).items()
    ]
    for path, content in files.items():
        decoded, complaints = decode_file(content, path, accept_unenforced=accept_unenforced, identities=identities)
        resources += decoded
        diagnostics += complaints
    if not any(diagnostic.is_error for diagnostic in diagnostics):
        diagnostics += _check_together(resources)
    return Validation(files, tuple(resources), tuple(diagnostics))


def _check_together(resources: Iterable[Resource[Any]]) -> Iterable[Diagnostic]:
    """What only all files together show."""
    snapshot, diagnostics = build_snapshot(resources)
    return (*diagnostics, *check_references(snapshot))
