"""Writes diagnostics for people (a source excerpt with a caret) and for programs (JSON)."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from galley.text.diagnostics import Diagnostic, Severity
from galley.text.syntax import LINE_BREAK

_WIDEST_EXCERPT = 110

_RESET = "\x1b[0m"
_BOLD = "\x1b[1m"
_BLUE = "\x1b[1;34m"
_CYAN = "\x1b[36m"
_SEVERITY_COLORS = {Severity.ERROR: "\x1b[1;31m", Severity.WARNING: "\x1b[1;33m", Severity.INFO: "\x1b[1;36m"}


def render_line(diagnostic: Diagnostic) -> str:
    """A diagnostic on one line, for a log: ``file:line:column: error[code]: message (hint)``."""
    hint = f" ({diagnostic.hint})" if diagnostic.hint else ""
    origin = diagnostic.origin
    return _printable(f"{origin}: {diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}{hint}")


def render_json(diagnostics: Iterable[Diagnostic]) -> str:
    """A JSON array with one object for each diagnostic."""
    return json.dumps([_as_object(diagnostic) for diagnostic in diagnostics], indent=2, ensure_ascii=True)


def _as_object(diagnostic: Diagnostic) -> dict[str, Any]:
    origin = diagnostic.origin
    return {
        "severity": str(diagnostic.severity),
        "code": diagnostic.code,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        "file": origin.file,
        "line": origin.line,
        "column": origin.column,
        "field": origin.field,
    }


def render_text(diagnostics: Iterable[Diagnostic], contents: Mapping[str, bytes], *, color: bool = False) -> str:
    """Every diagnostic with the lines it is about. ``contents`` holds the content of the files, as far as known."""
    lines_of: dict[str, Sequence[str]] = {}
    blocks = []
    for diagnostic in diagnostics:
        file = diagnostic.origin.file
        if file not in lines_of:
            lines_of[file] = _split(contents.get(file, b""))
        blocks.append(_render_block(diagnostic, lines_of[file], _Palette(color)))
    return "\n\n".join(blocks)


def count(diagnostics: Iterable[Diagnostic]) -> str:
    """How many there are of each severity, as "2 errors and 1 warning"; "" when there are none."""
    severities = [diagnostic.severity for diagnostic in diagnostics]
    names = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
    parts = [plural(severities.count(severity), name) for severity, name in names.items() if severity in severities]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def plural(number: int, noun: str) -> str:
    """The number with its noun: "1 file", "2 files"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class _Palette:
    """Wraps text in terminal colours, or leaves it."""

    def __init__(self, color: bool) -> None:
        self._color = color

    def paint(self, text: str, code: str) -> str:
        """``text`` between the ``code`` of a terminal and the one that resets it, or as it is without colours."""
        return f"{code}{text}{_RESET}" if self._color else text


def _render_block(diagnostic: Diagnostic, lines: Sequence[str], palette: _Palette) -> str:
    origin = diagnostic.origin
    color = _SEVERITY_COLORS[diagnostic.severity]
    margin = " " * len(str(origin.line))
    bar = palette.paint("|", _BLUE)
    field = f" ({_printable(origin.field)})" if origin.field else ""
    rendered = [
        palette.paint(f"{diagnostic.severity}[{diagnostic.code}]", color)
        + palette.paint(f": {_printable(diagnostic.message)}", _BOLD),
        f"{margin}{palette.paint('-->', _BLUE)} {_printable(str(origin))}{field}",
    ]
    if 1 <= origin.line <= len(lines):
        rendered.append(f"{margin} {bar}")
        for number in range(max(1, origin.line - 1), origin.line + 1):
            label = palette.paint(str(number).rjust(len(margin)), _BLUE)
            rendered.append(f"{label} {bar} {_printable(_crop(lines[number - 1], origin.column)[0])}".rstrip())
        indent, length = _underline(lines[origin.line - 1], origin.column)
        rendered.append(f"{margin} {bar} {' ' * indent}{palette.paint('^' * length, color)}")
    if diagnostic.hint:
        rendered.append(
            f"{margin} {palette.paint('=', _BLUE)} {palette.paint('help', _CYAN)}: {_printable(diagnostic.hint)}"
        )
    return "\n".join(rendered)


def _split(content: bytes) -> Sequence[str]:
    """The lines as the composer counts them."""
    return re.split(LINE_BREAK, content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace"))


def _crop(line: str, column: int) -> tuple[str, int]:
    """The part of a long line around ``column``, and how many characters of it are left out at the left."""
    start = max(0, column - 1 - _WIDEST_EXCERPT // 2) if column > _WIDEST_EXCERPT - 20 else 0
    return line[start : start + _WIDEST_EXCERPT], start


def _underline(line: str, column: int) -> tuple[int, int]:
    """Where below the cropped line the carets begin, and how many there are, in columns of a terminal."""
    shown, start = _crop(line, column)
    token = line[column - 1 : column - 1 + _token_length(line, column - 1)]
    before = shown[: column - 1 - start]
    return _width(before), max(1, _width(token[: len(shown) - len(before)]))


_KEY = re.compile(r"""("[^"]*"|'[^']*'|[^\s:\[\]{},]+)(?=\s*:(\s|$))""")
_QUOTED = re.compile(r'"(\\.|[^"\\])*"?|\'([^\']|\'\')*\'?')
_BLOCK_PLAIN = re.compile(r"\S+(\s+(?!#)\S+)*")
_FLOW_PLAIN = re.compile(r"[^\s,\[\]{}]+( +[^\s,\[\]{}#]+)*")


def _token_length(line: str, start: int) -> int:
    """How many characters the key or the value has that begins at ``start``."""
    for pattern in (_KEY, _QUOTED):
        if match := pattern.match(line, start):
            return len(match.group())
    in_flow = line.count("[", 0, start) + line.count("{", 0, start) > line.count("]", 0, start) + line.count(
        "}", 0, start
    )
    match = (_FLOW_PLAIN if in_flow else _BLOCK_PLAIN).match(line, start)
    return len(match.group()) if match else 1


def _printable(text: str) -> str:
    """``text`` without anything that a terminal would obey."""
    return text if text.isprintable() else "".join(char if char.isprintable() else _stand_in(char) for char in text)


def _stand_in(char: str) -> str:
    return " " if char == "\t" else "\N{REPLACEMENT CHARACTER}"


def _width(text: str) -> int:
    """The columns that a terminal uses for ``text``."""
    return sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
