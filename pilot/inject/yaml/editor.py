"""Changes to a YAML text that leave every other line as its author wrote it.

A round trip through a data model would indent lists anew, and hand a comment to the value above it, so that it moved
along with a key that is none of its business. Here each edit replaces the lines of one entry, and the text is read
again, so the next edit sees what the last one made.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from pilot.inject.yaml.dump import dump_entry, dump_item
from pilot.inject.yaml.extent import Extents
from pilot.inject.yaml.tree import (
    MERGE_KEY,
    AliasNode,
    MappingNode,
    Node,
    SequenceNode,
    find,
    key_text,
    read_documents,
    resolve,
    split_lines,
    value_of,
    walk,
)

Path = tuple[str | int, ...]
"""The document's number, then keys and list indexes."""

_BOM = "\ufeff"


class YamlEditor:
    """A text under change. Every method but ``text`` may raise yaml.YAMLError if an edit made it no YAML any more."""

    def __init__(self, text: str) -> None:
        self._bom = _BOM if text.startswith(_BOM) else ""
        self._lines: list[str] = split_lines(text.removeprefix(_BOM))
        self._newline = "\r\n" if self._lines and self._lines[0].endswith("\r\n") else "\n"
        self._documents: tuple[Node, ...] | None = None

    @property
    def text(self) -> str:
        """The text as it is now."""
        return self._bom + "".join(self._lines)

    @property
    def documents(self) -> tuple[Node, ...]:
        """The root node of each document."""
        if self._documents is None:
            self._documents = read_documents("".join(self._lines))
        return self._documents

    def node(self, path: Path) -> Node | None:
        """The node at ``path``, found through aliases and merge keys; None when there is none."""
        first = path[0]
        assert isinstance(first, int)
        return find(self.documents[first], path[1:]) if first < len(self.documents) else None

    def value(self, path: Path) -> Any:
        """Its value as Python data; None when there is none, or null."""
        node = self.node(path)
        return None if node is None else value_of(node)

    def keys(self, path: Path) -> list[str]:
        """The keys of the mapping at ``path``, those of merge keys after its own."""
        value = self.value(path)
        if not isinstance(value, dict):
            return []
        own = self.own_keys(path)
        return own + [key for key in value if key not in own]

    def own_keys(self, path: Path) -> list[str]:
        """The keys that are written in the mapping itself, without the merge key."""
        node = self.node(path)
        mapping = resolve(node) if node is not None else None
        if not isinstance(mapping, MappingNode):
            return []
        return [text for key, _ in mapping.entries if (text := key_text(key)) != MERGE_KEY]

    def line(self, path: Path) -> int:
        """Where the entry at ``path`` begins, counted from 1; that of its parent when it is not there."""
        while len(path) > 1:
            parent = self.node(path[:-1])
            mapping = resolve(parent) if parent is not None else None
            if isinstance(mapping, MappingNode):
                for key, _ in mapping.entries:
                    if key_text(key) == path[-1]:
                        return key.start.line + 1
            elif (node := self.node(path)) is not None:
                return node.start.line + 1
            path = path[:-1]
        return self.documents[0].start.line + 1 if self.documents else 1

    def set(self, path: Path, value: Any, *, after: str | None = None) -> None:
        """Give the entry at ``path`` a value; nothing is written when it has it already.

        A new key goes to the end of its mapping, or behind the key ``after``; mappings on the way are made. A list's
        item must exist.
        """
        node = self.node(path)
        if node is not None and value_of(node) == value and type(value_of(node)) is type(value):
            return
        if len(path) > 2 and not self.value(path[:-1]):
            self.set(path[:-1], {path[-1]: value})
            return
        self._own(path[:-1])
        parent, step = self.node(path[:-1]), path[-1]
        if isinstance(parent, SequenceNode):
            assert isinstance(step, int)
            span = self._extents.item(parent, step)
            self._replace(*span, dump_item(value, parent.start.column))
        else:
            assert isinstance(parent, MappingNode)
            self._set_entry(parent, str(step), value, after)

    def remove(self, path: Path) -> None:
        """Take the entry or item at ``path`` away; nothing happens when it is not there."""
        if self.node(path) is None:
            return
        self._own(path[:-1])
        if path[-1] not in self.own_keys(path[:-1]) and isinstance(path[-1], str):
            self.expand_merge(path[:-1])
        parent = self.node(path[:-1])
        if isinstance(parent, SequenceNode):
            self._remove_item(path, parent)
        else:
            assert isinstance(parent, MappingNode)
            self._remove_entry(path, parent)

    def insert_item(self, path: Path, index: int, value: Any) -> None:
        """Put an item before the one at ``index`` of the list at ``path``; at its end for an index beyond. The list
        is made when there is none."""
        if not self.value(path):
            self.set(path, [value])
            return
        self._own(path)
        parent = self.node(path)
        assert isinstance(parent, SequenceNode)
        if index >= len(parent.items):
            at = self._extents.item(parent, len(parent.items) - 1)[1]
        else:
            at = self._extents.item(parent, index)[0]
        prefix = self._lines[at][: parent.start.column] if at < len(self._lines) and index == 0 else ""
        if prefix.strip():  # the first dash stands behind another one
            self.set(path, [value, *self.value(path)])
            return
        self._replace(at, at, dump_item(value, parent.start.column))

    def expand_merge(self, path: Path) -> None:
        """Write out what the merge key of the mapping at ``path`` brings, in its place."""
        self._own(path)
        mapping = self.node(path)
        assert isinstance(mapping, MappingNode)
        own = frozenset(self.own_keys(path))
        brought = {key: value for key, value in value_of(mapping).items() if key not in own}
        column = mapping.start.column
        for index, (key, _) in reversed(list(enumerate(mapping.entries))):
            if key_text(key) == MERGE_KEY:
                start, end = self._extents.entry(mapping, index)
                lines = [line for name, value in brought.items() for line in dump_entry(name, value, column)]
                self._replace(start, end, lines)
                brought = {}

    def write_out(self, anchors: AbstractSet[str]) -> None:
        """Write the value in place of every use of ``anchors``, so that what they name can change alone."""
        while (path := next((path for path in self._uses(anchors)), None)) is not None:
            if path[-1] == MERGE_KEY:
                self.expand_merge(path[:-1])
            else:
                self._own(path[:-1])
                node = self.node(path)
                if isinstance(node, AliasNode):
                    self._rewrite(path, value_of(node))

    def _uses(self, anchors: AbstractSet[str]) -> Iterator[Path]:
        for index, root in enumerate(self.documents):
            for path, node in walk(root, (index,)):
                if isinstance(node, AliasNode) and node.name in anchors:
                    cut = path.index(MERGE_KEY) + 1 if MERGE_KEY in path else len(path)
                    yield path[:cut]

    def move(self, path: Path, to: Path) -> None:
        """Move the entry at ``path``, as it is written and with the comment above it, to the end of the mapping at
        ``to``, which must be at the same depth."""
        name = str(path[-1])
        source, target = self.node(path[:-1]), self.node(to)
        raw: list[str] | None = None
        if isinstance(source, MappingNode) and isinstance(target, MappingNode) and not source.flow and not target.flow:
            index = next((i for i, (key, _) in enumerate(source.entries) if key_text(key) == name), None)
            if index is not None and index and source.start.column == target.start.column and len(source.entries) > 1:
                start, end = self._extents.entry(source, index, comments=True)
                raw = self._lines[start:end]
        if raw is None:
            value = self.value(path)
            self.remove(path)
            self.set((*to, name), value)
            return
        self._replace(start, end, [])
        target = self.node(to)
        assert isinstance(target, MappingNode)
        at = self._extents.entry(target, len(target.entries) - 1)[1]
        self._replace(at, at, [line.rstrip("\r\n") for line in raw])

    @property
    def _extents(self) -> Extents:
        return Extents(self._lines)

    def _own(self, path: Path) -> None:
        """Make the collection at ``path`` one of its own, in block style, so that an entry can be written into it."""
        self._own_root(path[:1])
        for depth in range(2, len(path) + 1):
            self._own_step(path[:depth])

    def _own_step(self, path: Path) -> None:
        parent = self.node(path[:-1])
        here = self.node(path)
        if isinstance(parent, MappingNode) and path[-1] not in self.own_keys(path[:-1]):
            self._rewrite(path, value_of(here) if here is not None else {})
        elif not isinstance(here, MappingNode | SequenceNode) or here.flow or not _children(here):
            self._rewrite(path, value_of(here) if here is not None else {}, anchor=here.anchor if here else "")

    def _own_root(self, path: Path) -> None:
        root = self.node(path)
        if isinstance(root, MappingNode) and root.flow:
            lines = [line for key, value in value_of(root).items() for line in dump_entry(key, value, 0)]
            before = self._lines[root.start.line][: root.start.column].rstrip()  # the dashes of the document
            self._replace(root.start.line, root.end.line + 1, [before, *lines] if before else lines)

    def _rewrite(self, path: Path, value: Any, anchor: str = "") -> None:
        """The same value in block style, at the end of the parent when it was not the parent's own."""
        parent, step = self.node(path[:-1]), path[-1]
        column = parent.start.column if isinstance(parent, MappingNode | SequenceNode) else 0
        lines = dump_item(value, column) if isinstance(step, int) else _in_block(step, value, column, anchor)
        if isinstance(parent, SequenceNode) and isinstance(step, int):
            self._replace(*self._extents.item(parent, step), lines)
        elif isinstance(parent, MappingNode):
            index = _index(parent, str(step))
            at = self._extents.entry(parent, len(parent.entries) - 1)[1]
            span = self._extents.entry(parent, index) if index is not None else (at, at)
            self._replace(*span, self._with_prefix(parent, index, lines))

    def _set_entry(self, parent: MappingNode, key: str, value: Any, after: str | None) -> None:
        index = _index(parent, key)
        if parent.flow or not parent.entries:
            raise AssertionError("only a block mapping with entries can be written into")
        lines = dump_entry(key, value, parent.start.column)
        if index is not None:
            self._replace(*self._extents.entry(parent, index), self._with_prefix(parent, index, lines))
            return
        behind = _index(parent, after) if after is not None else None
        at = self._extents.entry(parent, len(parent.entries) - 1 if behind is None else behind)[1]
        self._replace(at, at, lines)

    def _with_prefix(self, parent: MappingNode, index: int | None, lines: list[str]) -> list[str]:
        """A first key may stand behind the dash of a list."""
        if index is None:
            return lines
        key: Node = parent.entries[index][0]
        prefix = self._lines[key.start.line][: key.start.column]
        return [prefix + lines[0][len(prefix) :], *lines[1:]] if prefix.strip() else lines

    def _remove_item(self, path: Path, parent: SequenceNode) -> None:
        step = path[-1]
        assert isinstance(step, int)
        if len(parent.items) == 1:
            self.remove(path[:-1])
        else:
            self._replace(*self._extents.item(parent, step), [])

    def _remove_entry(self, path: Path, parent: MappingNode) -> None:
        index = _index(parent, str(path[-1]))
        assert index is not None
        if len(parent.entries) == 1 and len(path) > 2:
            self.remove(path[:-1])
            return
        start, end = self._extents.entry(parent, index, comments=True)
        prefix = self._lines[parent.entries[index][0].start.line][: parent.start.column]
        if prefix.strip():
            rest = value_of(parent)
            del rest[str(path[-1])]
            self.set(path[:-1], rest)
            return
        self._replace(start, end, [])

    def _replace(self, start: int, end: int, lines: list[str]) -> None:
        if lines and start and not self._lines[start - 1].endswith(("\n", "\r")):
            self._lines[start - 1] += self._newline
        self._lines[start:end] = [line + self._newline for line in lines]
        self._documents = None


def _children(node: MappingNode | SequenceNode) -> int:
    return len(node.entries) if isinstance(node, MappingNode) else len(node.items)


def _index(mapping: MappingNode, name: str) -> int | None:
    return next((i for i, (key, _) in enumerate(mapping.entries) if key_text(key) == name), None)


def _in_block(step: str, value: Any, column: int, anchor: str) -> list[str]:
    """An entry whose collection is in block style however short it is."""
    if isinstance(value, list) and value:
        lines = [f"{' ' * column}{step}:"] + [line for item in value for line in dump_item(item, column + 2)]
    else:
        lines = dump_entry(step, value, column)
    if anchor:
        lines[0] += f" &{anchor}"
    return lines
