"""Immutable, hashable values: what plans and caches downstream use as keys is made of these."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, fields
from typing import Any, NoReturn, TypeVar, dataclass_transform

K = TypeVar("K")
V = TypeVar("V")
_C = TypeVar("_C")


@dataclass_transform(frozen_default=True)
def frozen(cls: type[_C]) -> type[_C]:
    """Make ``cls`` a frozen dataclass whose hash is computed once and kept.

    Plans are nested some ten levels deep and are looked up in caches at every push; the hash that dataclasses
    generate walks all of it each time. What they would generate at once, four functions a class and hundreds of
    classes a process, is generated here when it is first needed; an instance is filled by its dictionary, which takes
    a third of the time of ``object.__setattr__``.
    """
    made: Any = dataclass(init=False, repr=False, eq=False)(cls)
    for name, source_of in _GENERATED.items():
        setattr(made, name, _generated_at_first_use(made, name, source_of))
    made.__hash__ = _kept_hash
    made.__setattr__ = made.__delattr__ = _refuse
    return made  # type: ignore[no-any-return]


def _kept_hash(self: Any) -> int:
    known: int | None = self.__dict__.get("_hash")
    if known is None:
        known = self.__dict__["_hash"] = self._new_hash()
    return known


def _refuse(self: Any, name: str, *value: Any) -> NoReturn:
    raise FrozenInstanceError(f"cannot {'assign to' if value else 'delete'} field {name!r}")


def _generated_at_first_use(cls: Any, name: str, source_of: Callable[[Any], str]) -> Callable[..., Any]:
    def stand_in(*arguments: Any, **named: Any) -> Any:
        # Underscores keep these names from those of parameters, which are fields.
        names: dict[str, Any] = {
            "_cls": cls,
            "_fields": {field.name: field for field in fields(cls)},
            "_MISSING": MISSING,
        }
        exec(compile(source_of(cls), f"<{name} of {cls.__qualname__}>", "exec"), names)
        function = names[name]
        function.__qualname__ = f"{cls.__qualname__}.{name}"
        setattr(cls, name, function)
        return function(*arguments, **named)

    return stand_in


def _init_source(cls: Any) -> str:
    positional = [field for field in fields(cls) if field.init and not field.kw_only]
    named = [field for field in fields(cls) if field.init and field.kw_only]
    parameters = ["self", *map(_parameter, positional), *(["*"] if named else []), *map(_parameter, named)]
    lines = [f"def __init__({', '.join(parameters)}):", "  _values = self.__dict__"]
    for field in fields(cls):
        made = f"_fields[{field.name!r}].default_factory()"
        given = f"{made} if {field.name} is _MISSING else {field.name}" if _is_made(field) else field.name
        if field.init or _is_made(field):  # any other is an attribute of the class
            lines.append(f"  _values[{field.name!r}] = {given if field.init else made}")
    if hasattr(cls, "__post_init__"):
        lines.append("  self.__post_init__()")
    return "\n".join(lines)


def _is_made(field: Field[Any]) -> bool:
    return field.default_factory is not MISSING


def _parameter(field: Field[Any]) -> str:
    if _is_made(field):
        return f"{field.name}=_MISSING"
    return field.name if field.default is MISSING else f"{field.name}=_fields[{field.name!r}].default"


def _values(names: Iterable[str], of: str = "self") -> str:
    return "(" + "".join(f"{of}.{name}, " for name in names) + ")"


def _eq_source(cls: Any) -> str:
    names = [field.name for field in fields(cls) if field.compare]
    return (
        "def __eq__(self, other):\n"
        "  if other.__class__ is not self.__class__: return NotImplemented\n"
        f"  return {_values(names)} == {_values(names, 'other')}"
    )


def _hash_source(cls: Any) -> str:
    names = [field.name for field in fields(cls) if (field.compare if field.hash is None else field.hash)]
    return f"def _new_hash(self):\n  return hash({_values(names)})"


def _repr_source(cls: Any) -> str:
    shown = ", ".join(f"{field.name}={{self.{field.name}!r}}" for field in fields(cls) if field.repr)
    return f"def __repr__(self):\n  return f'{{self.__class__.__qualname__}}({shown})'"


_GENERATED: dict[str, Callable[[Any], str]] = {
    "__init__": _init_source,
    "__eq__": _eq_source,
    "_new_hash": _hash_source,
    "__repr__": _repr_source,
}


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
