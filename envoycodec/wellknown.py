"""google.protobuf.Struct to and from plain Python values, as metadata and typed structs need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from envoy_data_plane.google.protobuf import ListValue, NullValue, Struct, Value

from envoycodec.construct import maker

Plain = None | bool | int | float | str | Sequence["Plain"] | Mapping[str, "Plain"]
"""What a JSON document holds."""

_new_struct = maker(Struct)
_new_list = maker(ListValue)
_new_value = maker(Value)


def struct(fields: Mapping[str, Plain]) -> Struct:
    """A Struct of ``fields``; TypeError on a value that JSON has no form for."""
    return _new_struct(fields={name: value(item) for name, item in fields.items()})


def value(plain: Plain) -> Value:
    """A Value of the kind that ``plain`` has in JSON; numbers become doubles, as everywhere in Struct."""
    if isinstance(plain, str):
        return _new_value(string_value=plain)
    if isinstance(plain, bool):
        return _new_value(bool_value=plain)
    if isinstance(plain, int | float):
        return _new_value(number_value=float(plain))
    if plain is None:
        return _new_value(null_value=NullValue.NULL_VALUE)
    if isinstance(plain, Mapping):
        return _new_value(struct_value=struct(plain))
    return _new_value(list_value=list_value(plain))


def list_value(items: Sequence[Plain]) -> ListValue:
    """A ListValue of ``items``; TypeError on a value that JSON has no form for."""
    if isinstance(items, bytes | bytearray) or not isinstance(items, Sequence):
        raise TypeError(f"{type(items).__name__} has no form in a Struct")
    return _new_list(values=[value(item) for item in items])


def struct_to_dict(message: Any) -> dict[str, Any]:
    """A decoded (upb) Struct as plain values; whole numbers become int, as in protobuf's JSON."""
    return {name: _plain(item) for name, item in message.fields.items()}


def _plain(message: Any) -> Any:
    kind = message.WhichOneof("kind")
    if kind == "struct_value":
        return struct_to_dict(message.struct_value)
    if kind == "list_value":
        return [_plain(item) for item in message.list_value.values]
    if kind == "number_value":
        number: float = message.number_value
        return int(number) if number.is_integer() else number
    return getattr(message, kind) if kind in ("string_value", "bool_value") else None
