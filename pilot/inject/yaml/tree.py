"""YAML with the place of every node, aliases unresolved: what is needed to change a text and leave the rest alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from galley.frozen import frozen
from galley.text.scalars import core_type

MERGE_KEY = "<<"
_LINES = re.compile(r"[^\r\n\x85\u2028\u2029]*(?:\r\n|[\r\n\x85\u2028\u2029])|[^\r\n\x85\u2028\u2029]+$")


@frozen
class Position:
    """A position in a text; both count from 0."""

    line: int
    column: int


@frozen
class ScalarNode:
    """A plain, quoted or block scalar. ``end`` is behind its last character."""

    value: str
    plain: bool
    block: bool
    start: Position
    end: Position
    anchor: str = ""


@frozen
class AliasNode:
    """``*name``; ``target`` is what it stands for."""

    name: str
    target: Node
    start: Position
    end: Position
    anchor: str = ""


@frozen
class MappingNode:
    """``start`` of a block mapping is its first key."""

    entries: tuple[tuple[Node, Node], ...]
    flow: bool
    start: Position
    end: Position
    anchor: str = ""


@frozen
class SequenceNode:
    """``start`` of a block sequence is its first dash."""

    items: tuple[Node, ...]
    flow: bool
    start: Position
    end: Position
    anchor: str = ""


Node = ScalarNode | AliasNode | MappingNode | SequenceNode


def split_lines(text: str) -> list[str]:
    """The lines of a text as YAML 1.1 counts them, each with its end."""
    return _LINES.findall(text)


def read_documents(text: str) -> tuple[Node, ...]:
    """The root of every document. Raises yaml.YAMLError for a text that is no YAML."""
    return tuple(_Reader(text).documents())


class _Reader:
    """One pass over the events of a text."""

    def __init__(self, text: str) -> None:
        self._next: Any = yaml.CSafeLoader(text).get_event
        self._anchors: dict[str, Node] = {}
        self._text = text
        self._split: list[str] | None = None

    def documents(self) -> Iterator[Node]:
        while not isinstance(event := self._next(), StreamEndEvent):
            if isinstance(event, DocumentStartEvent):
                self._anchors = {}
                yield self._node(self._next())

    def _node(self, event: Any) -> Node:
        start, end = _position(event.start_mark), _position(event.end_mark)
        if isinstance(event, AliasEvent):
            if event.anchor not in self._anchors:
                raise yaml.YAMLError(f"line {start.line + 1}: undefined alias *{event.anchor}")
            return AliasNode(event.anchor, self._anchors[event.anchor], start, end)
        node: Node
        anchor = event.anchor or ""
        if isinstance(event, ScalarEvent):
            # An application's own tag, such as Compose's !reset, makes no value of another type.
            plain = not event.style and event.implicit[0]
            node = ScalarNode(event.value, plain, event.style in ("|", ">"), start, end, anchor)
        elif isinstance(event, MappingStartEvent):
            node = self._mapping(start, bool(event.flow_style), anchor)
        else:
            node = self._sequence(start, bool(event.flow_style), anchor)
        if anchor:
            self._anchors[anchor] = node
        return node

    def _mapping(self, start: Position, flow: bool, anchor: str) -> MappingNode:
        entries: list[tuple[Node, Node]] = []
        while not isinstance(event := self._next(), MappingEndEvent):
            key = self._node(event)
            entries.append((key, self._node(self._next())))
        return MappingNode(
            tuple(entries), flow, _content_start(start, entries, flow), _position(event.end_mark), anchor
        )

    def _sequence(self, start: Position, flow: bool, anchor: str) -> SequenceNode:
        items: list[Node] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            items.append(self._node(event))
        if anchor and not flow and items:
            start = self._first_dash(start.line)
        return SequenceNode(tuple(items), flow, start, _position(event.end_mark), anchor)

    def _first_dash(self, line: int) -> Position:
        """Where a block list begins whose anchor stands on ``line``, which its event counts as its start."""
        if self._split is None:
            self._split = split_lines(self._text)
        while not self._split[line := line + 1].lstrip().startswith("-"):
            pass
        return Position(line, len(self._split[line]) - len(self._split[line].lstrip()))


def _content_start(start: Position, entries: list[tuple[Node, Node]], flow: bool) -> Position:
    """An anchor before a block mapping belongs to its event, and would count as its start."""
    return start if flow or not entries else entries[0][0].start


def _position(mark: Any) -> Position:
    return Position(mark.line, mark.column)


def resolve(node: Node) -> Node:
    """What stands behind an alias, else ``node`` itself."""
    while isinstance(node, AliasNode):
        node = node.target
    return node


def value_of(node: Node) -> Any:
    """Python data of a node, with aliases resolved and merge keys carried out (YAML 1.1, "merge")."""
    node = resolve(node)
    if isinstance(node, ScalarNode):
        return _scalar_value(node)
    if isinstance(node, SequenceNode):
        return [value_of(item) for item in node.items]
    assert isinstance(node, MappingNode)
    merged: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for key, value in node.entries:
        name = key_text(key)
        if name == MERGE_KEY:
            for source in _merge_sources(value):
                merged = {**value_of(source), **merged}
        else:
            own[name] = value_of(value)
    return {**merged, **own}


def key_text(key: Node) -> str:
    """The text of a mapping's key; a key that is a collection has none."""
    key = resolve(key)
    return key.value if isinstance(key, ScalarNode) else ""


def _merge_sources(value: Node) -> list[Node]:
    value = resolve(value)
    sources = value.items if isinstance(value, SequenceNode) else (value,)
    return [resolved for source in sources if isinstance(resolved := resolve(source), MappingNode)]


def _scalar_value(node: ScalarNode) -> Any:
    if not node.plain:
        return node.value
    match core_type(node.value):
        case "null":
            return None
        case "bool":
            return node.value.lower() == "true"
        case "int" if node.value.isdecimal():
            return int(node.value)
        case _:
            return node.value


def find(node: Node, path: tuple[str | int, ...]) -> Node | None:
    """The node at ``path``, through aliases and merge keys; None when there is none."""
    for step in path:
        node = resolve(node)
        found: Node | None = None
        if isinstance(step, int) and isinstance(node, SequenceNode) and step < len(node.items):
            found = node.items[step]
        elif isinstance(step, str) and isinstance(node, MappingNode):
            found = _entry(node, step)
        if found is None:
            return None
        node = found
    return node


def _entry(node: MappingNode, name: str) -> Node | None:
    for key, value in node.entries:
        if key_text(key) == name:
            return value
    for key, value in node.entries:
        if key_text(key) == MERGE_KEY:
            for source in _merge_sources(value):
                if isinstance(source, MappingNode) and (found := _entry(source, name)) is not None:
                    return found
    return None


def walk(node: Node, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Node]]:
    """A node and all below it as they are written, with their paths; what is behind an alias is not below it."""
    yield path, node
    if isinstance(node, MappingNode):
        for key, value in node.entries:
            yield from walk(value, (*path, key_text(key)))
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.items):
            yield from walk(item, (*path, index))
