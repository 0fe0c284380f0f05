"""Checks units as the server would: the same reading, composing, decoding and cross-checking, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from galley.decoding.documents import decode_file
from galley.hosts.names import DEFAULT_DOMAIN
from galley.meta import Resource
from galley.references import check_references
from galley.snapshot import build_snapshot
from galley.sources import UnitId
from galley.text.diagnostics import Diagnostic, Origin, Severity


@dataclass(frozen=True, slots=True)
class Validation:
    """What was read and what is wrong with it, unit by unit.

    ``contents`` holds what each says; ``domain`` is the DNS domain of the mesh for which they were checked together.
    """

    contents: Mapping[UnitId, bytes]
    resources: tuple[Resource[Any], ...]
    diagnostics: tuple[Diagnostic, ...]
    domain: str = DEFAULT_DOMAIN

    @property
    def has_errors(self) -> bool:
        """Whether the server would refuse any of it."""
        return any(diagnostic.is_error for diagnostic in self.diagnostics)


def validate(
    contents: Mapping[UnitId, bytes],
    *,
    unreadable: Mapping[UnitId, str] | None = None,
    notices: Iterable[Diagnostic] = (),
    accept_unenforced: bool = False,
    identities: bool = False,
    domain: str = DEFAULT_DOMAIN,
) -> Validation:
    """Decode every unit by itself, then check together what could be decoded.

    ``unreadable`` gives the reason for each unit that could not be read: an error, as the server would have it;
    ``notices`` are what else the source has to say.
    ``domain`` is the DNS domain of the mesh.
    """
    resources: list[Resource[Any]] = []
    diagnostics = [
        Diagnostic(Severity.ERROR, "unreadable-file", f"the file cannot be read: {reason}", Origin(unit))
        for unit, reason in (unreadable or {}).items()
    ]
    diagnostics += notices
    for unit, content in contents.items():
        decoded, found = decode_file(content, unit, accept_unenforced=accept_unenforced, identities=identities)
        resources += decoded
        diagnostics += found
    is_complete = not any(diagnostic.is_error for diagnostic in diagnostics)
    together = _check_together(resources, domain)
    diagnostics += together if is_complete else map(_qualified, together)
    return Validation(contents, tuple(resources), tuple(diagnostics), domain)


def _check_together(resources: Iterable[Resource[Any]], domain: str) -> Iterable[Diagnostic]:
    """What only all units together show."""
    snapshot, diagnostics = build_snapshot(resources, domain=domain)
    return (*diagnostics, *check_references(snapshot))


def _qualified(diagnostic: Diagnostic) -> Diagnostic:
    """What is missing may stand in a document that has errors, which is not seen here."""
    if not diagnostic.code.startswith(_LOST):
        return diagnostic
    hint = f"{diagnostic.hint}; documents with errors are not counted" if diagnostic.hint else _NOT_COUNTED
    return replace(diagnostic, hint=hint)


_LOST = "unknown-"
_NOT_COUNTED = "unless it stands in a document that has errors"
