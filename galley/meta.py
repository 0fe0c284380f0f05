"""Values that every kind shares: where a resource came from, what it is called, and labels.

Everything here is immutable and hashable, because plans and caches downstream use these values as keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from galley.nodes import Node

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")
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
        known: int | None = self.__dict__.get("_hash")
        if known is None:
            known = generated(self)
            self.__dict__["_hash"] = known
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


Labels = FrozenMap[str, str]
NO_LABELS: Labels = FrozenMap()


@frozen
class Origin:
    """A place in a user's file. ``line`` and ``column`` count from 1; ``field`` is a path such as ``spec.http[0]``."""

    file: str
    line: int = 1
    column: int = 1
    field: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@frozen
class ResourceKey:
    """The identity of a resource: kind, namespace and name. Stable while lines move, so plans carry it as origin."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Resource(Generic[T]):
    """One accepted document: its identity, metadata and typed spec.

    Compared by identity: an unchanged file keeps its ``Resource`` objects from snapshot to snapshot, so
    ``is`` tells what changed. ``created`` is ``metadata.creationTimestamp`` as RFC 3339 text, or "" when absent.
    ``tree`` is the composed YAML document, from which a field path is turned into a line.
    """

    key: ResourceKey
    spec: T
    origin: Origin
    labels: Labels = NO_LABELS
    annotations: Labels = NO_LABELS
    created: str = ""
    tree: Node | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return self.key.name

    @property
    def namespace(self) -> str:
        return self.key.namespace

    @property
    def age(self) -> tuple[bool, str, str, str]:
        """Sort key "older first": creationTimestamp, then name, then namespace (Istio's tie-break).

        Resources without a timestamp count as younger than any with one.
        """
        return (not self.created, self.created, self.key.name, self.key.namespace)
