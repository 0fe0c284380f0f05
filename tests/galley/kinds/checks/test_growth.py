"""The work of a kind's checks grows as the input does: a file of 60,000 hosts is read while others wait.

Work is counted, not timed: lines that run, and comparisons of text, which a search in a list hides in one line.
"""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Callable, Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Any

import pytest

from galley.frozen import FrozenMap
from galley.kinds import KINDS, KindSpec
from galley.meta import Resource, ResourceKey
from galley.text.diagnostics import Origin
from galley.text.recorder import Recorder

SIZE = 40
DEEPEST = 6
MOST = 2.3

Path = tuple[str, ...]


class Work:
    """How much has been done."""

    steps = 0


class CountedText(str):
    """Text whose comparisons are work."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        Work.steps += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


TEXTS: dict[str, Callable[[int], str]] = {
    "names": lambda number: f"a{number}.example.com",
    "wildcards": lambda number: f"*.a{number}.example.com",
    "one": lambda _: "a",
}


def plain(annotation: Any) -> Any:
    """An annotation without ``None``."""
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return next(one for one in typing.get_args(annotation) if one is not type(None))
    return annotation


def list_fields(cls: type, path: Path = ()) -> Iterator[Path]:
    """The paths of all fields below ``cls`` that hold several values."""
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        annotation, inner = plain(hints[field.name]), (*path, field.name)
        if typing.get_origin(annotation) in (tuple, FrozenMap):
            yield inner
            annotation = plain(typing.get_args(annotation)[-1 if annotation is not tuple else 0])
            if annotation is ...:
                annotation = plain(typing.get_args(plain(hints[field.name]))[0])
        if isinstance(annotation, type) and dataclasses.is_dataclass(annotation) and len(inner) < DEEPEST:
            yield from list_fields(annotation, inner)


@dataclasses.dataclass(frozen=True)
class Builder:
    """Makes a spec in which the lists at ``path`` and, with ``wide``, directly in the spec have ``size`` entries."""

    path: Path
    size: int
    text: Callable[[int], str]
    wide: bool

    def build(self, cls: type, at: Path = (), number: int = 0) -> Any:
        """An instance of ``cls`` whose fields are on the way to ``path``, text, or lists that count.

        It stands in lists at the index ``number``; the list at ``path`` is long in their first entries only.
        """
        hints = typing.get_type_hints(cls)
        values = {}
        for field in dataclasses.fields(cls):
            annotation, inner = plain(hints[field.name]), (*at, field.name)
            on_the_way = self.path[: len(inner)] == inner and number == 0
            if on_the_way or annotation is str or (self.wide and not at):
                values[field.name] = self.value(annotation, inner, number)
        return cls(**values)

    def value(self, annotation: Any, at: Path, number: int) -> Any:
        """A value for the field at ``at``."""
        annotation = plain(annotation)
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        size = self.size if at == self.path or (self.wide and len(at) == 1) else 1
        if origin is tuple:
            return tuple(self.value(arguments[0], at, one) for one in range(size))
        if origin is FrozenMap:
            return FrozenMap({CountedText(self.text(one)): self.value(arguments[1], at, one) for one in range(size)})
        if isinstance(annotation, type) and issubclass(annotation, StrEnum):
            return next(iter(annotation))
        if dataclasses.is_dataclass(annotation):
            return self.build(typing.cast("type", annotation), at, number)
        scalars = {
            str: CountedText(self.text(number)),
            int: number % 90 + 1,
            float: 1.0,
            timedelta: timedelta(seconds=1),
        }
        return scalars.get(annotation)


def work_of(kind: KindSpec, spec: Any) -> int:
    """How much the checks of ``kind`` do for ``spec``."""
    key = ResourceKey(kind.kind, "default", "a")
    resource = Resource(key=key, spec=spec, origin=Origin("a.yaml", 1, 1))
    recorder = Recorder(Origin("a.yaml"), identities=True)

    def trace(frame: types.FrameType, event: str, _: Any) -> Any:
        Work.steps += 1
        return trace

    assert kind.check is not None
    Work.steps = 0
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        kind.check(recorder, resource)
    finally:
        sys.settrace(before)
    return Work.steps


READ = [kind for kind in KINDS.values() if kind.type is not None]


@pytest.mark.parametrize(("text", "wide"), [("names", False), ("names", True), ("wildcards", True), ("one", True)])
@pytest.mark.parametrize("kind", READ, ids=lambda kind: kind.kind)
def test_twice_the_input_is_twice_the_work(kind: KindSpec, text: str, wide: bool) -> None:
    assert kind.type is not None
    for path in sorted(set(list_fields(kind.type))):
        once, twice = (
            work_of(kind, Builder(path, size, TEXTS[text], wide).build(kind.type)) for size in (SIZE, 2 * SIZE)
        )
        assert twice <= MOST * once, f"{'.'.join(path)}: {once} steps, then {twice}"
