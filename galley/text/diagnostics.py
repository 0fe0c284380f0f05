"""Diagnostics are values: what is wrong, where, and what would be right."""

from __future__ import annotations

from enum import StrEnum

from galley.frozen import frozen


@frozen
class Origin:
    """Where something stands in a user's file.

    ``line`` and ``column`` count from 1; ``field`` is a path such as ``spec.http[0]``.
    """

    file: str
    line: int = 1
    column: int = 1
    field: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Severity(StrEnum):
    """ERROR refuses the file it is in; WARNING is shown and the file is accepted; INFO is advice."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@frozen
class Diagnostic:
    """One thing that is wrong with a user's configuration, or worth knowing.

    ``code`` is stable and kebab-case (``unknown-field``, ``not-supported-yet``); ``message`` is one sentence that
    says what is wrong; ``hint``, when not empty, says what would be right.
    """

    severity: Severity
    code: str
    message: str
    origin: Origin
    hint: str = ""

    @property
    def is_error(self) -> bool:
        """Whether it refuses the file it is in."""
        return self.severity is Severity.ERROR
