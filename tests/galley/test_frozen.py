from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.frozen import frozen


class _Template:
    """Everything that a field may be; the names are those that generated code could mistake for its own."""

    values: int
    cls: str = "x"
    fields: tuple[int, ...] = ()
    made: list[int] = field(default_factory=list, compare=False)
    MISSING: int | None = None
    secret: str = field(default="s", repr=False, hash=False)
    derived: int = field(default=7, init=False)
    named: bool = field(default=False, kw_only=True)
    KIND: ClassVar[str] = "kind"


def _copy_of_template(decorate: Any, name: str) -> Any:
    return decorate(type(name, (), {key: value for key, value in vars(_Template).items() if key not in _OF_THE_CLASS}))


_OF_THE_CLASS = ("__dict__", "__weakref__")

Ours = _copy_of_template(frozen, "Same")
Standard = _copy_of_template(dataclass(frozen=True), "Same")

_arguments = st.fixed_dictionaries(
    {"values": st.integers(0, 1)},
    optional={
        "cls": st.sampled_from(["x", "y"]),
        "fields": st.sampled_from([(), (1,)]),
        "made": st.sampled_from([[], [1]]),
        "MISSING": st.sampled_from([None, 1]),
        "secret": st.sampled_from(["s", "t"]),
        "named": st.booleans(),
    },
)


@given(one=_arguments, other=_arguments)
def test_it_behaves_like_a_frozen_dataclass(one: dict[str, Any], other: dict[str, Any]) -> None:
    ours, standard = Ours(**one), Standard(**one)
    assert repr(ours) == repr(standard)
    assert (ours == Ours(**other)) == (standard == Standard(**other))
    assert (hash(ours) == hash(Ours(**other))) == (hash(standard) == hash(Standard(**other)))
    assert vars(replace(ours, values=5)) == vars(replace(standard, values=5))
    assert [each.name for each in fields(Ours)] == [each.name for each in fields(Standard)]
    assert copy.copy(ours) == ours


@pytest.mark.parametrize("arguments", [((), {}), ((1, 2, 3, [], 4, "s", True), {}), ((1,), {"derived": 1})])
def test_wrong_arguments_are_refused(arguments: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
    for cls in (Ours, Standard):
        with pytest.raises(TypeError, match="__init__"):
            cls(*arguments[0], **arguments[1])


def test_nothing_can_be_changed() -> None:
    value = Ours(1)
    with pytest.raises(FrozenInstanceError, match="assign to field 'cls'"):
        value.cls = "y"
    with pytest.raises(FrozenInstanceError, match="delete field 'cls'"):
        del value.cls


def test_what_a_factory_makes_is_each_ones_own() -> None:
    assert Ours(1).made is not Ours(1).made


@frozen
class Base:
    name: str

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("no name")


@frozen
class Derived(Base):
    size: int = 0


def test_a_derived_class_has_fields_and_checks_of_its_base() -> None:
    assert Derived("a", 2) != Base("a")
    assert repr(Derived("a", 2)) == "Derived(name='a', size=2)"
    with pytest.raises(ValueError, match="no name"):
        Derived("")
    match Derived("a", 2):
        case Derived(name, size):
            assert (name, size) == ("a", 2)


def test_a_value_survives_pickling() -> None:
    value = Derived("a", 2)
    hash(value)
    assert pickle.loads(pickle.dumps(value)) == value
