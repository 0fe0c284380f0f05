"""Complaints are values: what is wrong, where, and what would be right."""

from __future__ import annotations

from enum import StrEnum

from galley.meta import Origin, frozen


class Severity(StrEnum):
    """ERROR refuses the file it is in; WARNING is shown and the file is accepted; INFO is advice."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@frozen
class Diagnostic:
    """One complaint about a user's configuration.

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
        return self.severity is Severity.ERROR
