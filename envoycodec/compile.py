"""Source code of one encoding function per message class, generated from the schema and compiled at first use.

A generated function takes a message and returns its bytes: fields in the order of their numbers, map entries in the
order of their keys, so that equal messages encode equally.  It reads ``message.__dict__`` once per field and has all
tags in it as constants, which is what makes it some fifty times faster than ``bytes(message)``.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from envoycodec.schema import UNKNOWN_FIELDS, Field, Kind, fields_of
from envoycodec.wire import (
    DELIMITED,
    FIXED,
    INTEGERS,
    SHORT,
    VARINTS,
    WRAPPERS,
    boolean,
    is_negative_zero,
    prefixed,
    tag,
    varint,
    wire_type,
)

Encoder = Callable[[Any], bytes]

_EMPTY = {"bool": "False", "string": "''", "bytes": "b''"}


def _wrong_type(value: object, expected: str) -> NoReturn:
    raise TypeError(f"expected {expected}, got {type(value).__name__} {value!r:.60}")


def _two_members(oneof: str) -> NoReturn:
    raise ValueError(f"more than one member of oneof {oneof} is set")


def _unknown_attribute(values: dict[str, Any], cls: type) -> NoReturn:
    known = {field.name for field in fields_of(cls)} | {UNKNOWN_FIELDS}
    raise TypeError(f"no such field: {', '.join(sorted(set(values) ^ known))}")


# What generated functions refer to by name. Those of message classes are added as classes are met:
# encode_<i>, class_<i>, and per field number tag_<n> and heads_<n> (the tag joined with each length below 128).
_names: dict[str, Any] = {
    "boolean": boolean,
    "is_negative_zero": is_negative_zero,
    "prefixed": prefixed,
    "varint": varint,
    "varints": VARINTS,
    "wrong_type": _wrong_type,
    "two_members": _two_members,
    "unknown_attribute": _unknown_attribute,
    **{f"integer_{name}": encode for name, encode in INTEGERS.items()},
    **{f"fixed_{name}": packer.pack for name, packer in FIXED.items()},
    **{f"wrapper_{name}": encode for name, encode in WRAPPERS.items()},
}
compiled: dict[type, Encoder] = {}
"""The encoders compiled so far, by message class."""
_indices: dict[type, int] = {}
_count = itertools.count()


def encoder_for(cls: type) -> Encoder:
    """The compiled encoder of a message class; those of the messages inside it are compiled when first needed."""
    encoder = compiled.get(cls)
    if encoder is None:
        index = _index(cls)
        source = "\n".join(_source(cls, index))
        exec(compile(source, f"<encoder of {cls.__name__}>", "exec"), _names)
        encoder = compiled[cls] = _names[f"encode_{index}"]
    return encoder


def _index(cls: type) -> int:
    known = _indices.get(cls)
    if known is not None:
        return known
    index = _indices.setdefault(cls, next(_count))

    def compile_at_first_use(message: Any) -> bytes:
        return encoder_for(cls)(message)

    _names[f"class_{index}"] = cls
    _names.setdefault(f"encode_{index}", compile_at_first_use)
    return index


def _source(cls: type, index: int) -> Iterator[str]:
    fields = fields_of(cls)
    sizes = Counter(field.oneof for field in fields if field.oneof)
    # A oneof with a single member needs no check.
    flags = {name: f"oneof_{position}" for position, name in enumerate(sizes) if sizes[name] > 1}
    yield f"def encode_{index}(message):"
    yield f"  if message.__class__ is not class_{index}: wrong_type(message, {cls.__name__!r})"
    yield "  values = message.__dict__"
    yield f"  if len(values) != {len(fields) + 1}: unknown_attribute(values, class_{index})"
    yield "  parts = []; put = parts.append"
    yield from (f"  {flag} = False" for flag in flags.values())
    for field in fields:
        yield f"  value = values[{field.name!r}]"
        yield from _indented(_field_source(field, flags))
    yield f"  if values[{UNKNOWN_FIELDS!r}]: put(values[{UNKNOWN_FIELDS!r}])"
    yield "  return b''.join(parts)"


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _field_source(field: Field, flags: dict[str, str]) -> Iterator[str]:
    if field.key is not None:
        yield from _map_source(field, field.key)
    elif field.repeated:
        yield from _repeated_source(field)
    elif field.presence:
        yield "if value is not None:"
        if field.oneof in flags:
            yield f"  if {flags[field.oneof]}: two_members({field.oneof!r})"
            yield f"  {flags[field.oneof]} = True"
        yield from _indented(_present_source(field))
    else:
        yield from _implicit_source(field)


def _map_source(field: Field, key: Kind) -> Iterator[str]:
    head, middle = tag(1, wire_type(key.name)), tag(2, wire_type(field.kind.name))
    entry = f"{head!r} + {_whole(key, 'key')} + {middle!r} + {_whole(field.kind, 'value[key]')}"
    yield "if value:"
    yield "  for key in sorted(value):"
    yield f"    {_put_delimited(field.number, entry)}"


def _repeated_source(field: Field) -> Iterator[str]:
    # A str is iterable too: without this check a single value given by mistake would become its characters.
    yield "if value:"
    yield "  if value.__class__ is not list and value.__class__ is not tuple: wrong_type(value, 'list')"
    if wire_type(field.kind.name) == DELIMITED:
        yield "  for item in value:"
        yield f"    {_put_delimited(field.number, _payload(field.kind, 'item'))}"
    else:
        packed = f"b''.join([{_payload(field.kind, 'item')} for item in value])"
        yield f"  {_put_delimited(field.number, packed)}"


def _present_source(field: Field) -> Iterator[str]:
    """A field that is written whenever it is set, even to its default."""
    kind, number = field.kind, field.number
    head = tag(number, wire_type(kind.name))
    if kind.wrapper == "BoolValue":
        true, false = head + b"\x02\x08\x01", head + b"\x00"
        yield f"put({true!r} if value is True else {false!r} if value is False else wrong_type(value, 'bool'))"
    elif kind.wrapper == "UInt32Value":
        start = head + b"\x02\x08"
        yield f"if 0 < value < 128: put({start!r} + varints[value])"
        yield f"else: {_put_delimited(number, _payload(kind, 'value'))}"
    elif wire_type(kind.name) == DELIMITED:
        yield _put_delimited(number, _payload(kind, "value"))
    else:
        yield f"put({head!r} + {_payload(kind, 'value')})"


def _implicit_source(field: Field) -> Iterator[str]:
    """A scalar without presence: written unless it is the default, and a default of another type is refused."""
    kind, number = field.kind, field.number
    head = tag(number, wire_type(kind.name))
    if kind.name == "bool":
        true = head + b"\x01"
        yield f"if value is True: put({true!r})"
        yield "elif value is not False: wrong_type(value, 'bool')"
        return
    floating = kind.name in ("double", "float")
    yield "if value or is_negative_zero(value):" if floating else "if value:"
    if wire_type(kind.name) == DELIMITED:
        yield f"  {_put_delimited(number, _payload(kind, 'value'))}"
    else:
        yield f"  put({head!r} + {_payload(kind, 'value')})"
    yield f"elif value != {_EMPTY.get(kind.name, '0')}: wrong_type(value, {kind.name!r})"


def _put_delimited(number: int, payload: str) -> str:
    if f"tag_{number}" not in _names:
        head = tag(number, DELIMITED)
        _names[f"heads_{number}"] = tuple(head + VARINTS[size] for size in range(128))
        _names[f"tag_{number}"] = head
    put_head = f"put(heads_{number}[size] if size < 128 else tag_{number} + varint(size))"
    return f"payload = {payload}; size = len(payload); {put_head}; put(payload)"


def _payload(kind: Kind, value: str) -> str:
    """An expression for the bytes of a value, without its length."""
    if kind.wrapper is not None:
        return f"wrapper_{kind.wrapper}({value})"
    if kind.name == "message" and kind.cls is not None:
        return f"encode_{_index(kind.cls)}({value})"
    if kind.name in ("string", "bytes"):
        return f"{value}.encode()" if kind.name == "string" else value
    if kind.name in FIXED:
        return f"fixed_{kind.name}({value})"
    encode = "boolean" if kind.name == "bool" else f"integer_{kind.name}"
    if encode == "boolean" or kind.name.startswith("sint"):
        return f"{encode}({value})"
    return f"(varints[{value}] if 0 <= {value} < {SHORT} else {encode}({value}))"


def _whole(kind: Kind, value: str) -> str:
    """An expression for the bytes of a value, with its length when it has one."""
    payload = _payload(kind, value)
    return f"prefixed({payload})" if wire_type(kind.name) == DELIMITED else payload
