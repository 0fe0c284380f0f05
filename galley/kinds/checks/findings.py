"""Collects what is wrong with one resource, each finding at the line of its field."""

from __future__ import annotations

from typing import Any

from galley.meta import Resource, origin_at
from galley.text.diagnostics import Diagnostic, Severity
from galley.text.nodes import Mapping

_LONGEST = 60


class Findings:
    """The findings in one resource. Field paths are those of the document: ``spec.http[0].route``."""

    def __init__(self, resource: Resource[Any]) -> None:
        self._resource = resource
        self.diagnostics: list[Diagnostic] = []

    @property
    def namespace(self) -> str:
        """The namespace of the resource."""
        return self._resource.namespace

    @property
    def body(self) -> str:
        """The path of the fields of the kind: ``spec``, or "" where they stand at the top (a bare MeshConfig)."""
        tree = self._resource.tree
        return "" if isinstance(tree, Mapping) and tree.find("spec") is None else "spec"

    def error(self, field: str, code: str, what: str, hint: str = "") -> None:
        """Refuse the resource. ``what`` continues the name of the field: "must be …"."""
        self._add(Severity.ERROR, field, code, what, hint)

    def warn(self, field: str, code: str, what: str, hint: str = "") -> None:
        """Accept the resource and say so."""
        self._add(Severity.WARNING, field, code, what, hint)

    def advise(self, field: str, code: str, what: str, hint: str = "") -> None:
        """Give advice."""
        self._add(Severity.INFO, field, code, what, hint)

    def _add(self, severity: Severity, field: str, code: str, what: str, hint: str) -> None:
        origin = origin_at(self._resource, field)
        self.diagnostics.append(Diagnostic(severity, code, f"`{field}` {what}", origin, hint))


def shown(text: str) -> str:
    """A user's text between backquotes, on one line and not too long."""
    printable = text if text.isprintable() else text[:_LONGEST].encode("unicode_escape").decode()
    return f"`{printable if len(printable) <= _LONGEST else printable[: _LONGEST - 1] + '…'}`"


def below(path: str, field: str) -> str:
    """The path of ``field`` in the message at ``path``."""
    return f"{path}.{field}" if path else field


def at_key(path: str, key: str) -> str:
    """The path of the entry ``key`` of the map at ``path``, as the decoder writes it."""
    return f'{path}["{key[:64]}"]'
