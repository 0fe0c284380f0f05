"""Records what is wrong with one document, each diagnostic with its line and field path, while work on it goes on."""

from __future__ import annotations

from typing import Protocol

from galley.text.diagnostics import Diagnostic, Origin, Severity
from galley.text.nodes import Node, locate
from galley.text.wording import COMMENT_HINT, description, has_comment, shown_path

LIMIT = 100
"""Errors that are recorded of one document, and as many warnings: more help nobody, and a hostile file has no end."""


class Positioned(Protocol):
    """What stands at a line and a column, both counted from 1: a node, an origin."""

    @property
    def line(self) -> int:
        """The line."""
        ...

    @property
    def column(self) -> int:
        """The column."""
        ...


class Recorder:
    """The diagnostics of one document, or of a file before there are documents, in the order of their discovery.

    Two ways lead to a position. Whoever walks over nodes has one at hand (``error_at``, …) and words the whole
    message. Whoever has the decoded value names a field by its path in the document, such as ``spec.http[0].route``
    (``error``, …): the line is that of the field, or of its nearest ancestor in ``root``, and the message begins with
    the path. ``accept_unenforced`` lets security settings pass that nobody enforces yet; with ``identities``, which
    the mesh issues, some are enforced.
    """

    def __init__(
        self,
        origin: Origin,
        root: Node | None = None,
        *,
        accept_unenforced: bool = False,
        identities: bool = False,
        limit: int = LIMIT,
    ) -> None:
        self.origin = origin
        self.root = root
        self.accept_unenforced = accept_unenforced
        self.identities = identities
        self.diagnostics: list[Diagnostic] = []
        self.errors = 0
        self._others = 0
        self._limit = limit

    @property
    def file(self) -> str:
        """The file that the document is in."""
        return self.origin.file

    @property
    def is_full(self) -> bool:
        """Whether no more errors are recorded, so that work on further ones can be spared."""
        return self.errors >= self._limit

    # At a field of the document

    def error(self, field: str, code: str, what: str, hint: str = "") -> None:
        """Refuse the document. ``what`` continues the name of the field: "must be …"."""
        if not self.is_full and self.root is not None and has_comment(locate(self.root, field)):
            hint = COMMENT_HINT
        self._record_field(Severity.ERROR, field, code, what, hint)

    def warn(self, field: str, code: str, what: str, hint: str = "") -> None:
        """Accept the document and say so."""
        self._record_field(Severity.WARNING, field, code, what, hint)

    def advise(self, field: str, code: str, what: str, hint: str = "") -> None:
        """Give advice."""
        self._record_field(Severity.INFO, field, code, what, hint)

    def origin_of(self, field: str) -> Origin:
        """Where ``field`` is written, or would be: the position of its nearest ancestor."""
        at: Positioned = self.origin if self.root is None else locate(self.root, field)
        return Origin(self.file, at.line, at.column, field)

    # At a node

    def error_at(self, at: Positioned, code: str, message: str, path: str = "", hint: str = "") -> None:
        """Refuse the document for what stands at a node."""
        self._record_at(Severity.ERROR, at, code, message, path=path, hint=hint)

    def warn_at(self, at: Positioned, code: str, message: str, path: str = "", hint: str = "") -> None:
        """Accept the document and say what stands at a node."""
        self._record_at(Severity.WARNING, at, code, message, path=path, hint=hint)

    def advise_at(self, at: Positioned, code: str, message: str, path: str = "", hint: str = "") -> None:
        """Give advice about what stands at a node."""
        self._record_at(Severity.INFO, at, code, message, path=path, hint=hint)

    def unenforced_at(self, at: Positioned, message: str, path: str = "") -> None:
        """Record a security setting that is not enforced: an error, for silence would leave a door open."""
        if self.accept_unenforced:
            self.warn_at(at, "not-enforced", message, path)
        else:
            hint = "remove it, or pass --accept-unenforced to go on without it"
            self.error_at(at, "not-enforced", message, path, hint)

    def wrong_type_at(self, node: Node, path: str, expected: str, hint: str = "") -> None:
        """Record that ``node`` is not what the field takes."""
        if has_comment(node):
            hint = COMMENT_HINT
        self.error_at(node, "wrong-type", f"{shown_path(path)} takes {expected}, not {description(node)}", path, hint)

    # As it is

    def add(self, diagnostic: Diagnostic) -> None:
        """Record what has been found elsewhere in the same document.

        Errors and others are counted apart: an error must be known however many warnings came before it, or the
        document would be accepted with a part of it missing.
        """
        if self._takes(diagnostic.severity):
            self.diagnostics.append(diagnostic)
        self._count(diagnostic.severity)

    def _takes(self, severity: Severity) -> bool:
        return (self.errors if severity is Severity.ERROR else self._others) < self._limit

    def _count(self, severity: Severity) -> None:
        if severity is Severity.ERROR:
            self.errors += 1
        else:
            self._others += 1

    def _record_field(self, severity: Severity, field: str, code: str, what: str, hint: str) -> None:
        # To find the line of each of many thousands would take long, and nobody would see it.
        if not self._takes(severity):
            self._count(severity)
            return
        self.add(Diagnostic(severity, code, f"`{field}` {what}", self.origin_of(field), hint))

    def _record_at(self, severity: Severity, at: Positioned, code: str, message: str, *, path: str, hint: str) -> None:
        origin = Origin(self.file, at.line, at.column, path.removeprefix("."))
        self.add(Diagnostic(severity, code, message, origin, hint))
