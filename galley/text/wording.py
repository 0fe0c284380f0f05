"""How diagnostics speak of what a user wrote: shown on one line, described as a reader sees it, and what was meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from galley.text.nodes import Mapping, Node, Scalar, Sequence
from galley.text.scalars import core_type

COMMENT_HINT = "YAML comments start with `#`, not with `//`"

_LONGEST_SHOWN = 60
_LONGEST_COMPARED = 64  # comparing takes quadratic time, and no name in the API is longer


def quoted(text: str) -> str:
    """A user's text between backquotes, on one line and not too long."""
    cut = text[: _LONGEST_SHOWN + 1]
    shown = cut if cut.isprintable() else cut.encode("unicode_escape").decode()
    return f"`{shown if len(shown) <= _LONGEST_SHOWN else shown[: _LONGEST_SHOWN - 1] + '…'}`"


def printable(text: str) -> str:
    """``text`` without anything that a terminal would obey, and without line breaks: escaped as Python writes it."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


def shortened(text: str, longest: int) -> str:
    """The first ``longest`` characters of ``text``, and how many more there are."""
    more = len(text) - longest
    return text if more <= 0 else f"{text[:longest]}… {more:,} more character{'' if more == 1 else 's'}"


def shown_path(path: str) -> str:
    """A field path between backquotes."""
    return f"`{path.removeprefix('.')}`" if path else "the document"


def description(node: Node) -> str:
    """What a reader sees at ``node``: "the number `1.0`", "a list"."""
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    kind = core_type(node.value) if node.plain else "str"
    if kind == "null":
        return "null (no value)"
    noun = {"bool": "the boolean", "int": "the number", "float": "the number", "str": "the text"}[kind]
    return f"{noun} {quoted(node.value)}"


def has_comment(node: Node) -> bool:
    """Whether a plain scalar looks as if it ended with a comment in the manner of other languages."""
    return isinstance(node, Scalar) and node.plain and (" //" in node.value or node.value.startswith("//"))


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str:
    """The most similar of ``names``, letter case aside, or "": the name that was probably meant."""
    if len(name) > _LONGEST_COMPARED:
        return ""
    by_lower = {known.lower(): known for known in names}
    close = get_close_matches(name.lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[close[0]] if close else ""
