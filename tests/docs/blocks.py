"""Command blocks of a Markdown page: what a reader types, and what the page promises to come out.

Every fenced block ``sh`` is typed, one after the other, unless the line before says ``<!-- not run: REASON -->``. With
``<!-- in the background until: TEXT -->`` it is started in the background, and goes on when TEXT has come out. A block
``text`` after ``<!-- output -->`` promises lines that come out of the block before, in this order; ``…`` stands for
anything within a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

_FENCE = re.compile(
    r"(?:^[ ]*<!--[ ]*(?P<note>(?:not run|in the background until|output)\b[^\n]*?)[ ]*-->\n)?"
    r"^(?P<indent>[ ]*)```(?P<language>[a-z]*)[^\n]*\n(?P<text>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One command block. ``line`` is where it stands, ``skipped`` why it is not run, ``until`` what to wait for."""

    line: int
    text: str
    skipped: str = ""
    until: str = ""
    promised: tuple[str, ...] = ()

    def is_kept(self, output: str) -> bool:
        """Whether the promised lines are in ``output``, in order."""
        lines = iter(output.splitlines())
        return all(any(_is_like(line, promise) for line in lines) for promise in self.promised)


def _is_like(line: str, promise: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in promise.strip().split("…"))
    return re.fullmatch(re.sub(r"(\\ )+", r"\\s+", pattern), line.strip()) is not None


def read_blocks(page: str) -> tuple[Block, ...]:
    """The command blocks of ``page``. Raises ValueError for output that belongs to no command."""
    found: list[Block] = []
    for line, note, language, text in _fences(page):
        word, _, rest = note.partition(":")
        if word == "output":
            if not found or found[-1].skipped:
                raise ValueError(f"line {line}: output of a block that is not run")
            found[-1] = replace(found[-1], promised=tuple(one for one in text.splitlines() if one.strip()))
        elif language == "sh":
            is_skipped, is_background = word == "not run", word == "in the background until"
            block = Block(line, text, rest.strip() if is_skipped else "", rest.strip() if is_background else "")
            if (is_skipped or is_background) and not rest.strip():
                raise ValueError(f"line {line}: {word}, but not why or what for")
            found.append(block)
    return tuple(found)


def _fences(page: str) -> Iterator[tuple[int, str, str, str]]:
    for match in _FENCE.finditer(page):
        indent = match["indent"]
        text = "\n".join(line.removeprefix(indent) for line in match["text"].splitlines())
        yield page.count("\n", 0, match.start()) + 1, match["note"] or "", match["language"], text
