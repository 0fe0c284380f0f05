"""Text that is no YAML: where it breaks, and what its author probably meant."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml

from galley.text.recorder import Positioned, Recorder
from galley.text.wording import COMMENT_HINT

LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What ends a line for libyaml (YAML 1.1), and so what its line numbers count."""


class TextPosition(NamedTuple):
    """A line and a column, counted from 1."""

    line: int
    column: int


def position_of(mark: Any) -> TextPosition:
    """A mark of libyaml, which counts from 0."""
    return TextPosition(mark.line + 1, mark.column + 1)


def position_of_byte(data: bytes, offset: int) -> TextPosition:
    """Where the byte at ``offset`` stands in the text that ``data`` encodes."""
    before = data[:offset].removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    lines = re.split(LINE_BREAK, before)
    return TextPosition(len(lines), len(lines[-1]) + 1)


def record_syntax(error: yaml.YAMLError, data: bytes, recorder: Recorder) -> None:
    """Record what libyaml says of ``data``, with advice where the mistake is a common one."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark: Any = error.problem_mark or error.context_mark
        at: Positioned = position_of(mark) if mark else recorder.origin
        problem = error.problem or "not YAML"
        context: Any = error.context_mark
        message = f"{error.context} that begins at line {context.line + 1}: {problem}" if context else problem
        if "maximum nesting depth" in problem:
            # Newer libyaml has a limit of its own, and reads ahead: it may be met before ours.
            recorder.error_at(at, "nesting-too-deep", "nested deeper than a thousand levels")
        else:
            recorder.error_at(at, "yaml-syntax", message, hint=_hint(problem, data, at.line))
        return
    # A ReaderError: a character that YAML does not allow, told by its byte offset.
    reason, offset = str(getattr(error, "reason", error)), getattr(error, "position", 0)
    message = f"{reason}: byte 0x{data[offset]:02x} at offset {offset}"
    recorder.error_at(position_of_byte(data, offset), "yaml-syntax", message)


TEMPLATE_HINT = "this looks like a template: render it first, for example with `helm template`"
_TEMPLATE = re.compile(r"^\s*\{\{[-%]?\s", re.MULTILINE)
_TEXT_AFTER_FLOW = re.compile(r"[:-]\s+(\[[^\]]*\]|\{[^}]*\})[^\s,\]}#]")


def _hint(problem: str, data: bytes, number: int) -> str:
    """``number`` is the line at which libyaml gave up, which may be one behind the mistake."""
    text = data.decode("utf-8", "replace")
    lines = re.split(LINE_BREAK, text)
    line = lines[number - 1] if number <= len(lines) else ""
    if re.search(r"(^|\s)//", line):
        return COMMENT_HINT
    if "{{" in line or _TEMPLATE.search(text):
        return TEMPLATE_HINT
    if _TEXT_AFTER_FLOW.search(line):
        return "quote text that begins with `[` or `{`"
    return next((hint for part, hint in _HINTS if part in problem), "")


_HINTS = (
    ("cannot start any token", "indent with spaces, not tabs, and quote a value that begins with @, ` or %"),
    ("mapping values are not allowed", "quote a value that contains `: `, or check the indentation of this line"),
    ("could not find expected ':'", "write `key: value`; is a colon or the space after it missing?"),
    ("did not find expected key", "check the indentation: keys of one mapping start in one column"),
    ("did not find expected '-' indicator", "check the indentation: entries of one list start in one column"),
    ("did not find expected node content", "a `[` or `{` is not closed, or an entry is missing or begins with `:`"),
    ("found unexpected ':'", 'quote a value that begins or ends with `:` inside `[ ]` or `{ }`, such as "2001:db8::"'),
    ("did not find expected ','", "a `[` or `{` is not closed, or a comma is missing"),
    ("found unexpected end of stream", "a quote is not closed"),
    ("alphabetic or numeric character", 'quote a value that begins with `*` or `&`, such as "*.shop.example"'),
    ("unknown escape character", "put regular expressions between single quotes: there a backslash is only itself"),
)
