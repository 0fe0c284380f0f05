"""Tables on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

_RED, _YELLOW, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[0m"
_COLOURS = {"false": _RED, "NACK": _RED, "WARMING": _YELLOW, "STALE": _YELLOW}

Paint = Callable[[str, str], str]
"""What a padded cell looks like, given its text."""


def render_columns(header: Sequence[str], rows: Sequence[Sequence[str]], paint: Paint | None = None) -> str:
    """Rows under their header, each column as wide as it must be."""
    widths = [max(len(row[index]) for row in (header, *rows)) for index in range(len(header))]
    shown = paint or (lambda _, padded: padded)
    lines = ["   ".join(cell.ljust(width) for cell, width in zip(header, widths, strict=True)).rstrip()]
    for row in rows:
        cells = (shown(cell, cell.ljust(width)) for cell, width in zip(row, widths, strict=True))
        lines.append("   ".join(cells).rstrip())
    return "\n".join(lines)


def paint_for_terminal() -> Paint | None:
    """Colours for what needs attention, when standard output is a terminal and NO_COLOR is not set."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return None
    return lambda cell, padded: f"{_COLOURS[cell]}{padded}{_PLAIN}" if cell in _COLOURS else padded
