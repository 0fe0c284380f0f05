"""Immutable, hashable values: what plans and caches downstream use as keys is made of these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

K = TypeVar("K")
V = TypeVar("V")
_C = TypeVar("_C")


@dataclass_transform(frozen_default=True)
def frozen(cls: type[_C]) -> type[_C]:
    """Make ``cls`` a frozen dataclass whose hash is computed once and kept.

    Plans are nested some ten levels deep and are looked up in caches at every push; the hash that dataclasses
    generate walks all of it each time.
    """
    made: Any = dataclass(frozen=True)(cls)
    generated = made.__hash__

    def kept_hash(self: Any) -> int:
        try:
            known: int = self._hash
        except AttributeError:
            known = generated(self)
            object.__setattr__(self, "_hash", known)
        return known

    made.__hash__ = kept_hash
    return made  # type: ignore[no-any-return]


class FrozenMap(Mapping[K, V]):
    """An immutable, hashable mapping that iterates in sorted key order, so that equal maps encode equally."""

    __slots__ = ("_entries", "_hash")

    def __init__(self, entries: Mapping[K, V] | None = None) -> None:
        self._entries: dict[K, V] = {k: entries[k] for k in sorted(entries)} if entries else {}  # type: ignore[type-var]
        self._hash: int | None = None

    def __getitem__(self, key: K) -> V:
        return self._entries[key]

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(tuple(self._entries.items()))
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FrozenMap):
            return self._entries == other._entries
        return NotImplemented

    def __repr__(self) -> str:
        return f"FrozenMap({self._entries!r})"

    def selects(self, labels: Mapping[K, V]) -> bool:
        """Whether every entry here is present and equal in ``labels``: Kubernetes' equality-based selector."""
        return all(labels.get(key) == value for key, value in self._entries.items())
