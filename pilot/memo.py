"""Memory of pure functions by their arguments: indexes, answers, plans and encodings, forgotten by one rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_Question = tuple[Any, ...]
_MISSING = object()


class _Joint:
    """A value and the questions, asked while it was made, whose answers live as long."""

    __slots__ = ("parts", "value")

    def __init__(self, value: Any, parts: tuple[_Question, ...]) -> None:
        self.value = value
        self.parts = parts


class Memo:
    """A cache without invalidation: the arguments of a pure function are a complete key.

    It is for one generation, as one published context is, and ``successor`` is for the next: what a whole generation
    does not ask for is forgotten, so the cache is as big as what is being served. What a remembered function asked
    the same memo for while it ran is part of its value and lives as long. ``made`` counts by function how often it
    really ran, predecessors included; tests assert it: work follows what changed. Not for several threads at once.

    ``now`` remembers what depends on the moment too, as on a whole context: until the generation ends, and uncounted.
    """

    def __init__(self) -> None:
        self._current: dict[_Question, Any] = {}
        self._previous: dict[_Question, Any] = {}
        self._now: dict[_Question, Any] = {}
        self._asking: list[_Question] | None = None
        self.made: Counter[Callable[..., Any]] = Counter()

    def __call__(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """``function(*arguments)``, from memory when it was asked before. Arguments must be hashable values."""
        question = (function, *arguments)
        if self._asking is not None:
            self._asking.append(question)
        # Hashing a question is most of the cost, so that each dictionary is asked once.
        known = self._current.get(question, _MISSING)
        if known is _MISSING:
            known = self._previous.get(question, _MISSING)
            if known is _MISSING:
                return self._make(question, function, *arguments)
            self._keep(question, known)
        return known.value if type(known) is _Joint else known  # type: ignore[no-any-return]

    def now(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        """``function(*arguments)``, from memory when it was asked before in this generation.

        This memo may itself be an argument, for a function that asks it further.
        """
        question = (function, *(argument for argument in arguments if argument is not self))
        known = self._now.get(question, _MISSING)
        if known is _MISSING:
            known = self._now[question] = function(*arguments)
        return known  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """How many values are remembered."""
        return len(self._current.keys() | self._previous.keys()) + len(self._now)

    @property
    def misses(self) -> int:
        """How often any function really ran, predecessors included."""
        return self.made.total()

    def successor(self) -> Memo:
        """The memo of the next generation. It reads what is remembered here and changes nothing of it."""
        made = Memo()
        made._previous = self._current
        made.made.update(self.made)
        return made

    def _make(self, question: _Question, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        outer, self._asking = self._asking, []
        try:
            value = function(*arguments)
            parts = self._asking
        finally:
            self._asking = outer
        self.made[function] += 1
        self._current[question] = _Joint(value, tuple(parts)) if parts else value
        return value

    def _keep(self, question: _Question, known: Any) -> None:
        """Take over what the generation before remembers, with all that belongs to it."""
        self._current[question] = known
        if type(known) is _Joint:
            for part in known.parts:
                self._keep(part, self._previous[part])
