"""Tables on a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from galley.text.wording import printable, shortened

_RED, _YELLOW, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[0m"
_COLOURS = {"false": _RED, "NACK": _RED, "WARMING": _YELLOW, "STALE": _YELLOW}

_WIDEST, _LONGEST = 200, 5_000
"""Characters of a cell, and of a text below a table: the whole of what Envoy says, which cuts it at 4096."""

Paint = Callable[[str, str], str]
"""What a padded cell looks like, given its text."""


def render_columns(header: Sequence[str], rows: Sequence[Sequence[str]], paint: Paint | None = None) -> str:
    """Rows under their header, each column as wide as it must be, and all of it printable."""
    rows = [[shown_cell(cell) for cell in row] for row in rows]
    widths = [max(len(row[index]) for row in (header, *rows)) for index in range(len(header))]
    shown = paint or (lambda _, padded: padded)
    lines = ["   ".join(cell.ljust(width) for cell, width in zip(header, widths, strict=True)).rstrip()]
    for row in rows:
        cells = (shown(cell, cell.ljust(width)) for cell, width in zip(row, widths, strict=True))
        lines.append("   ".join(cells).rstrip())
    return "\n".join(lines)


def shown_cell(text: str) -> str:
    """``text``, which a proxy may have chosen, on one line of a terminal and not too long for a column."""
    return shortened(printable(text), _WIDEST)


def shown_text(text: str) -> str:
    """``text``, which a proxy may have chosen, on one line of a terminal."""
    return shortened(printable(text), _LONGEST)


def shown_json(value: Any) -> str:
    """``value`` as indented JSON with nothing but printable ASCII."""
    return json.dumps(value, indent=2).replace("\x7f", "\\u007f")


def paint_for_terminal() -> Paint | None:
    """Colours for what needs attention, when standard output is a terminal and NO_COLOR is not set."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return None
    return lambda cell, padded: f"{_COLOURS[cell]}{padded}{_PLAIN}" if cell in _COLOURS else padded
