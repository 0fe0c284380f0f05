"""YAML nodes with their positions, and the way from a field path to the line where the field is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple


class Scalar(NamedTuple):
    """One scalar. ``plain`` is true when it was written without quotes, so that its text may mean another type."""

    value: str
    plain: bool
    line: int
    column: int
    end_line: int
    end_column: int


class Sequence(NamedTuple):
    """A list of nodes."""

    items: tuple[Node, ...]
    line: int
    column: int
    end_line: int


class Mapping(NamedTuple):
    """Keys and values in the order of the text, merge keys (``<<``) already resolved; no key occurs twice."""

    entries: tuple[tuple[Scalar, Node], ...]
    line: int
    column: int
    end_line: int

    def find(self, key: str) -> Node | None:
        """The value of ``key``, or None."""
        for name, value in self.entries:
            if name.value == key:
                return value
        return None


Node = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its root, the file it is in and its index there, counted from 0 without empty ones."""

    root: Node
    file: str
    index: int


def locate(root: Node, field: str) -> Node:
    """The node that a field path such as ``spec.http[0].route`` leads to, or its nearest ancestor that exists."""
    node = root
    for quoted, index, name in _PATH_STEP.findall(field):
        child: Node | None = None
        if index:
            if isinstance(node, Sequence) and int(index) < len(node.items):
                child = node.items[int(index)]
        elif isinstance(node, Mapping):
            child = node.find(quoted or name)
        if child is None:
            return node
        node = child
    return node


def below(path: str, field: str) -> str:
    """The path of ``field`` in the message at ``path``."""
    return f"{path}.{field}" if path else field


def at_key(path: str, key: str) -> str:
    """The path of an entry of a map: its key is the user's, so it stands in brackets and is cut where it is long."""
    return f'{path}["{key[:64]}"]'


_PATH_STEP = re.compile(r'\["([^"]*)"\]|\[([0-9]{1,9})\]|\.?([^.\[\]]+)')
