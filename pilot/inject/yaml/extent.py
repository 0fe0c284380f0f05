"""Which lines of a text belong to one entry of a block mapping, or one item of a block list."""

from __future__ import annotations

from collections.abc import Sequence

from pilot.inject.yaml.tree import AliasNode, MappingNode, Node, ScalarNode, SequenceNode

Span = tuple[int, int]
"""First line and the line behind the last, counted from 0."""


class Extents:
    """Line spans in ``lines``, whose nodes are given. Comments and blank lines behind an entry are the next one's."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines

    def entry(self, mapping: MappingNode, index: int, *, comments: bool = False) -> Span:
        """The lines of an entry; with ``comments`` also those right above it at its own column."""
        key, value = mapping.entries[index]
        start = key.start.line
        if comments:
            while start > 0 and self._is_comment(start - 1, mapping.start.column):
                start -= 1
        return start, max(self._last(value, mapping.start.column), key.end.line) + 1

    def item(self, sequence: SequenceNode, index: int) -> Span:
        """The lines of an item, from its dash."""
        item = sequence.items[index]
        start = item.start.line
        while not self._lines[start][sequence.start.column :].startswith("-"):
            start -= 1
        return start, max(self._last(item, sequence.start.column), start) + 1

    def _is_comment(self, line: int, column: int) -> bool:
        text = self._lines[line]
        return text.lstrip(" ").startswith("#") and len(text) - len(text.lstrip(" ")) == column

    def _last(self, node: Node, column: int) -> int:
        """The last line with content of ``node``, which stands in a collection at ``column``."""
        if isinstance(node, ScalarNode) and node.block:
            return self._last_of_block_scalar(node, column)
        if isinstance(node, MappingNode) and not node.flow and node.entries:
            key, value = node.entries[-1]
            return max(self._last(value, node.start.column), key.end.line)
        if isinstance(node, SequenceNode) and not node.flow and node.items:
            return max(self._last(node.items[-1], node.start.column), self._last_dash(node))
        if (
            isinstance(node, AliasNode | ScalarNode | MappingNode | SequenceNode)
            and node.end.column == 0
            and node.end != node.start
        ):
            return node.end.line - 1
        return node.end.line

    def _last_dash(self, sequence: SequenceNode) -> int:
        return self.item(sequence, len(sequence.items) - 1)[0]

    def _last_of_block_scalar(self, node: ScalarNode, column: int) -> int:
        line = last = node.start.line
        while line + 1 < len(self._lines):
            line += 1
            text = self._lines[line].rstrip()
            if text and len(text) - len(text.lstrip(" ")) <= column:
                break
            if text or node.value.endswith("\n\n"):
                last = line
        return last
