"""Bytes to YAML nodes with positions, from parser events and within limits.

PyYAML's own composer recurses in C (a file of ``[`` ends the process), expands aliases without bound and keeps the
last of two equal keys; here every event is taken one by one and whatever a hostile file does ends as a diagnostic.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from galley.frozen import frozen
from galley.text.diagnostics import Diagnostic, Origin
from galley.text.nodes import Document, Mapping, Node, Scalar, Sequence
from galley.text.recorder import LIMIT, Positioned, Recorder
from galley.text.scalars import core_type
from galley.text.syntax import position_of, position_of_byte, record_syntax
from galley.text.wording import quoted


@frozen
class Limits:
    """How much a file may ask for. ``expanded_nodes`` counts the nodes that aliases repeat, in one document."""

    file_bytes: int = 1 << 20
    documents: int = 5_000
    depth: int = 100
    expanded_nodes: int = 20_000
    diagnostics: int = LIMIT


DEFAULT_LIMITS = Limits()


def compose(
    data: bytes, file: str, limits: Limits = DEFAULT_LIMITS
) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    """Compose every document of a file. Never raises on any input.

    Empty documents are skipped. After an error that loses the thread (syntax, a limit) the documents before it are
    returned with the diagnostic; after one that does not (a duplicate key, a foreign tag) composing goes on.
    """
    recorder = Recorder(Origin(file), limit=limits.diagnostics)
    _check_bytes(data, recorder, limits)
    if recorder.errors:
        return (), tuple(recorder.diagnostics)
    composer = _Composer(data, recorder, limits)
    documents: list[Document] = []
    try:
        with suppress(_RefusedError):  # it ends the reading, and its diagnostic has been recorded
            for root in composer.roots():
                if len(documents) == limits.documents:
                    composer.refuse(root, "too-many-documents", f"more than {limits.documents:,} documents in one file")
                documents.append(Document(root, file, len(documents)))
    except yaml.YAMLError as error:
        record_syntax(error, data, recorder)
    return tuple(documents), tuple(recorder.diagnostics)


_CORE = "tag:yaml.org,2002:"
_TYPED_TAGS = {_CORE + name: name for name in ("null", "bool", "int", "float")}
_STRING_TAGS = frozenset({"!", _CORE + "str"})
_MERGE = "<<"
_TEMPLATE_HINT = "quote text that begins with `{` or `[`; a template such as `{{ x }}` must be rendered first"


class _RefusedError(Exception):
    """Composing cannot go on; the diagnostic has been recorded."""


class _Anchored:
    """A node that has an anchor: how many nodes and levels it holds, once it is complete."""

    __slots__ = ("height", "node", "weight")

    def __init__(self) -> None:
        self.node: Node | None = None
        self.weight = 0
        self.height = 0


class _Composer:
    """One pass over the events of a file."""

    def __init__(self, data: bytes, recorder: Recorder, limits: Limits) -> None:
        self.next_event: Any = yaml.CSafeLoader(data).get_event  # events only: its composer is never called
        self.recorder = recorder
        self.limits = limits
        self.anchors: dict[str, _Anchored] = {}
        self.nodes = 0  # nodes of the document so far, aliases expanded
        self.expanded = 0  # those of them that aliases repeated
        self.deepest = 0  # the deepest level reached since this was last set

    def roots(self) -> Iterator[Node]:
        """The root node of every document that is not empty."""
        while True:
            event = self.next_event()
            kind = type(event)
            if kind is StreamEndEvent:
                return
            if kind is DocumentStartEvent:
                self.anchors = {}
                self.nodes = self.expanded = self.deepest = 0
                root = self.compose_node(self.next_event(), 1)
                if type(self.next_event()) is not DocumentEndEvent:  # pragma: no cover - libyaml's grammar forbids it
                    self.refuse(root, "yaml-syntax", "the document does not end where it should")
                if not (type(root) is Scalar and root.plain and core_type(root.value) == "null"):
                    yield root

    def compose_node(self, event: Any, depth: int) -> Node:
        """The node that begins with ``event``, at so many levels below the document (its root is at 1)."""
        kind = type(event)
        if kind is AliasEvent:
            return self.expand_alias(event, depth)
        self.nodes += 1
        if kind is ScalarEvent:
            scalar = self.compose_scalar(event)
            if event.anchor is not None:
                self.complete(self.anchor(event.anchor), scalar, self.nodes - 1, depth)
            return scalar
        return self.compose_collection(event, kind, depth)

    def compose_collection(self, event: Any, kind: type, depth: int) -> Node:
        """A list or a mapping; ``kind`` is the class of ``event``. Refuses what is nested too deep."""
        if depth > self.limits.depth:
            self.refuse(
                position_of(event.start_mark), "nesting-too-deep", f"nested deeper than {self.limits.depth} levels"
            )
        compose = self.compose_mapping if kind is MappingStartEvent else self.compose_sequence
        tag = event.tag
        if tag is not None and tag not in ("!", _CORE + ("map" if kind is MappingStartEvent else "seq")):
            self.report_tag(event, tag)
        if event.anchor is None:
            node = compose(event, depth)
            self.deepest = max(self.deepest, depth)
            return node
        anchored = self.anchor(event.anchor)
        before, deepest = self.nodes - 1, self.deepest
        self.deepest = depth
        node = compose(event, depth)
        self.complete(anchored, node, before, depth)
        self.deepest = max(self.deepest, deepest)
        return node

    def compose_scalar(self, event: Any) -> Scalar:
        """A scalar. A tag of the core schema says how its text is to be read; any other is an error."""
        start, end = event.start_mark, event.end_mark
        plain = not event.style
        tag = event.tag
        if tag is not None:
            plain = False
            if tag in _TYPED_TAGS:
                plain = True
                if core_type(event.value) != _TYPED_TAGS[tag]:
                    self.report_tag(event, tag)
            elif tag not in _STRING_TAGS:
                self.report_tag(event, tag)
        return Scalar(event.value, plain, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def compose_sequence(self, event: Any, depth: int) -> Sequence:
        """A list, up to the event of its end."""
        items: list[Node] = []
        next_event, compose_node = self.next_event, self.compose_node
        while type(item := next_event()) is not SequenceEndEvent:
            items.append(compose_node(item, depth + 1))
        start, end = event.start_mark, _end_mark(item)
        end_line = items[-1].end_line if items and not event.flow_style else end.line + 1
        return Sequence(tuple(items), start.line + 1, start.column + 1, end_line)

    def compose_mapping(self, event: Any, depth: int) -> Mapping:
        """A mapping, up to the event of its end. Of a key that is given twice the first counts, with an error."""
        entries: dict[str, tuple[Scalar, Node]] = {}
        end_line = 0
        next_event, compose_node = self.next_event, self.compose_node
        while type(item := next_event()) is not MappingEndEvent:
            key = compose_node(item, depth + 1)
            value = compose_node(next_event(), depth + 1)
            end_line = value.end_line
            if type(key) is not Scalar:
                self.report(key, "invalid-key", "a key must be text, not a list or a mapping", _TEMPLATE_HINT)
            elif key.value in entries:
                self.report_duplicate(key, entries[key.value][0])
            else:
                entries[key.value] = key, value
        if _MERGE in entries and entries[_MERGE][0].plain:
            self.merge(entries, *entries.pop(_MERGE))
        start = event.start_mark
        if event.flow_style or not end_line:
            end_line = _end_mark(item).line + 1
        return Mapping(tuple(entries.values()), start.line + 1, start.column + 1, end_line)

    def merge(self, entries: dict[str, tuple[Scalar, Node]], key: Scalar, value: Node) -> None:
        """Add what ``<<`` brings (yaml.org/type/merge.html): explicit keys win, then the earlier of several."""
        for source in value.items if type(value) is Sequence else (value,):
            if type(source) is not Mapping:
                self.report(key, "invalid-merge", "a merge key `<<` takes a mapping or a list of mappings")
                continue
            for name, entry in source.entries:
                entries.setdefault(name.value, (name, entry))

    # Anchors and aliases

    def anchor(self, name: str) -> _Anchored:
        """Begin the node that aliases will call ``name``; inside of itself it cannot be repeated."""
        self.anchors[name] = anchored = _Anchored()
        return anchored

    def complete(self, anchored: _Anchored, node: Node, nodes_before: int, depth: int) -> None:
        """End an anchored node that began after so many nodes and at ``depth``: what repeating it costs is known."""
        anchored.node = node
        anchored.weight = self.nodes - nodes_before
        anchored.height = 0 if type(node) is Scalar else self.deepest - depth

    def expand_alias(self, event: Any, depth: int) -> Node:
        """The node that an alias repeats, counted as if it were written out."""
        name, at = event.anchor, position_of(event.start_mark)
        anchored = self.anchors.get(name)
        if anchored is None:
            self.refuse(at, "unknown-alias", f"the alias *{name} has no anchor &{name} before it")
        if anchored.node is None:
            self.refuse(at, "alias-cycle", f"the alias *{name} stands inside the node that it repeats")
        self.nodes += anchored.weight
        self.expanded += anchored.weight
        if self.expanded > self.limits.expanded_nodes:
            message = f"aliases expand this document by more than {self.limits.expanded_nodes:,} nodes"
            self.refuse(at, "alias-expansion", message)
        if anchored.height and depth + anchored.height > self.limits.depth:
            self.refuse(at, "nesting-too-deep", f"nested deeper than {self.limits.depth} levels by *{name}")
        self.deepest = max(self.deepest, depth + anchored.height)
        return anchored.node

    # Diagnostics

    def report(self, at: Positioned, code: str, message: str, hint: str = "") -> None:
        """Record an error and go on, unless there are too many."""
        self.recorder.error_at(at, code, message, hint=hint)
        if self.recorder.is_full:
            raise _RefusedError

    def report_duplicate(self, key: Scalar, first: Scalar) -> None:
        """Record the second of two equal keys of one mapping."""
        where = f"line {first.line}, column {first.column}"
        message = f"the key {quoted(key.value)} is given twice in one mapping, first at {where}"
        self.report(key, "duplicate-key", message, "keep one of the two")

    def report_tag(self, event: Any, tag: str) -> None:
        """Record a tag that gives a node another type than its text has, or one of some program."""
        shown = "!!" + tag.removeprefix(_CORE) if tag.startswith(_CORE) else tag
        message = f"the tag {quoted(shown)} is not allowed here"
        hint = "remove the tag; fields have types of their own"
        self.report(position_of(event.start_mark), "unsupported-tag", message, hint)

    def refuse(self, at: Positioned, code: str, message: str) -> NoReturn:
        """Record an error and stop."""
        self.report(at, code, message)
        raise _RefusedError


def _end_mark(event: Any) -> Any:
    return event.end_mark


def _check_bytes(data: bytes, recorder: Recorder, limits: Limits) -> None:
    """Record what is wrong with a file before it is YAML: its size or its encoding."""
    if len(data) > limits.file_bytes:
        message = f"the file has {len(data):,} bytes; the limit is {limits.file_bytes:,}"
        recorder.error_at(recorder.origin, "file-too-large", message, hint="split it into several files")
        return
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        message = f"the byte 0x{data[error.start]:02x} at offset {error.start} is not UTF-8"
        hint = "the file is UTF-16: save it as UTF-8" if utf16 else "save the file as UTF-8"
        recorder.error_at(position_of_byte(data, error.start), "invalid-encoding", message, hint=hint)
        return
    nul = data.find(b"\0")
    if nul >= 0:
        message = f"there is a NUL byte at offset {nul}"
        hint = "save the file as UTF-8 text" if nul < 4 else "was the file cut off while it was written?"
        recorder.error_at(position_of_byte(data, nul), "invalid-encoding", message, hint=hint)
