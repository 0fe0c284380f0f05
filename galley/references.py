"""Findings across resources: what points to nothing, what hides another. Warnings only, for other files may follow."""

from __future__ import annotations

from galley.diagnostics import Diagnostic
from galley.snapshot import ConfigSnapshot


def check_references(config: ConfigSnapshot) -> tuple[Diagnostic, ...]:
    """All findings in one snapshot, in the order of its resources."""
    del config
    return ()
