"""Remember the result of pure functions by their arguments, and count how often they really ran."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Memo:
    """A cache without invalidation: the arguments of a pure function are a complete key.

    Entries that went unused for a whole generation (one published context) are forgotten, so the cache is as big
    as what is being served. ``misses`` is the counter that tests assert: work follows what changed.
    """

    def __init__(self) -> None:
        self._current: dict[tuple[Any, ...], Any] = {}
        self._previous: dict[tuple[Any, ...], Any] = {}
        self.misses = 0

    def __call__(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """``function(*arguments)``, from memory when it was asked before. Arguments must be hashable values."""
        key = (function, *arguments)
        if key in self._current:
            return self._current[key]  # type: ignore[no-any-return]
        if key in self._previous:
            value = self._previous[key]
        else:
            self.misses += 1
            value = function(*arguments)
        self._current[key] = value
        return value  # type: ignore[no-any-return]

    def advance(self) -> None:
        """Begin a generation: what is not asked for until the next call is forgotten then."""
        self._previous, self._current = self._current, {}
