"""A Hypothesis strategy for messages of any class, and a comparison of a message with its decoded counterpart."""

from __future__ import annotations

import datetime
import struct
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from envoycodec.construct import maker
from envoycodec.schema import Field, Kind, fields_of

_INT32 = st.integers(-(2**31), 2**31 - 1)
_INT64 = st.integers(-(2**63), 2**63 - 1)
_UINT32 = st.sampled_from([0, 1, 127, 128, 16_383, 16_384, 2**32 - 1]) | st.integers(0, 2**32 - 1)
_UINT64 = _UINT32 | st.integers(0, 2**64 - 1)
_TIMES = st.datetimes(timezones=st.just(datetime.UTC))
_DURATIONS = st.timedeltas(datetime.timedelta(days=-3_652_500), datetime.timedelta(days=3_652_500))

_SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "string": st.text(max_size=150),
    "bytes": st.binary(max_size=150),
    "int32": _INT32,
    "int64": _INT64,
    "uint32": _UINT32,
    "uint64": _UINT64,
    "sint32": _INT32,
    "sint64": _INT64,
    "fixed32": _UINT32,
    "fixed64": _UINT64,
    "sfixed32": _INT32,
    "sfixed64": _INT64,
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
}
_WRAPPED: dict[str, st.SearchStrategy[Any]] = {
    "Duration": _DURATIONS,
    "Timestamp": _TIMES,
    "BoolValue": _SCALARS["bool"],
    "StringValue": _SCALARS["string"],
    "BytesValue": _SCALARS["bytes"],
    "Int32Value": _INT32,
    "Int64Value": _INT64,
    "UInt32Value": _UINT32,
    "UInt64Value": _UINT64,
    "FloatValue": _SCALARS["float"],
    "DoubleValue": _SCALARS["double"],
}


Keep = Callable[[type, Field], bool]


def messages(cls: type, depth: int = 3, keep: Keep = lambda cls, field: True) -> st.SearchStrategy[Any]:
    """Messages of ``cls`` with up to six fields set, nested up to ``depth`` deep, one member per oneof.

    Only fields that ``keep`` accepts are set.
    """
    fields = [field for field in fields_of(cls) if (depth or not _is_message(field.kind)) and keep(cls, field)]
    if not fields:
        return st.builds(maker(cls))
    return st.lists(st.sampled_from(fields), max_size=6, unique_by=lambda field: field.oneof or field.name).flatmap(
        lambda chosen: st.fixed_dictionaries({field.name: _values(field, depth, keep) for field in chosen}).map(
            lambda values: maker(cls)(**values)
        )
    )


def _is_message(kind: Kind) -> bool:
    return kind.name == "message" and kind.wrapper is None


def _values(field: Field, depth: int, keep: Keep) -> st.SearchStrategy[Any]:
    if field.key is not None:
        return st.dictionaries(_SCALARS[field.key.name], _single(field.kind, depth, keep), max_size=4)
    single = _single(field.kind, depth, keep)
    return st.lists(single, max_size=3) if field.repeated else single


def _single(kind: Kind, depth: int, keep: Keep) -> st.SearchStrategy[Any]:
    if kind.wrapper is not None:
        return _WRAPPED[kind.wrapper]
    cls: Any = kind.cls
    if kind.name == "enum":
        return st.sampled_from(list(cls))
    if kind.name == "message":
        return st.deferred(lambda: messages(cls, depth - 1, keep))
    return _SCALARS[kind.name]


def assert_same(message: Any, decoded: Any) -> None:
    """Every field of ``message`` is what upb decoded, no more and no less."""
    cls: Any = type(message)
    assert {field.number for field in fields_of(cls) if _is_written(field, message)} == {
        descriptor.number for descriptor, _ in decoded.ListFields()
    }
    for field in fields_of(cls):
        if not _is_written(field, message):
            continue
        given, found = getattr(message, field.name), getattr(decoded, field.name.rstrip("_"))
        compare = _comparison(field.kind)
        if field.key is not None:
            assert set(given) == set(found)
            for key in given:
                compare(given[key], found[key])
        elif field.repeated:
            assert len(given) == len(found)
            for one, other in zip(given, found, strict=True):
                compare(one, other)
        else:
            compare(given, found)


def _is_written(field: Field, message: Any) -> bool:
    value = getattr(message, field.name)
    if field.presence:
        return value is not None
    return bool(value) or (isinstance(value, float) and struct.pack("<d", value) != bytes(8))


def _comparison(kind: Kind) -> Callable[[Any, Any], None]:
    if kind.wrapper in ("Duration", "Timestamp"):
        return _assert_same_time
    if kind.wrapper is not None:
        return lambda given, found: _assert_equal(given, found.value)
    return assert_same if kind.name == "message" else _assert_equal


def _assert_equal(given: Any, found: Any) -> None:
    assert given == found
    if isinstance(given, float):
        assert struct.pack("<d", given) == struct.pack("<d", found)


def _assert_same_time(given: Any, found: Any) -> None:
    if isinstance(given, datetime.datetime):
        given -= datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
        assert 0 <= found.nanos < 10**9
    else:
        assert found.seconds * found.nanos >= 0
    microseconds = given // datetime.timedelta(microseconds=1)
    assert found.seconds * 10**6 + found.nanos // 1000 == microseconds
    assert found.nanos % 1000 == 0
