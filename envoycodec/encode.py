"""Encoding of envoy-data-plane messages: deterministic bytes, checked types and ranges, and packing into Any.

The functions that join encoded parts, ``length_delimited`` and ``varint``, are offered here too, so that a response
can be put together from resources that were encoded earlier.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from typing import Any

import betterproto2
from envoy_data_plane.google.protobuf import Any as AnyMessage

from envoycodec.compile import compiled, encoder_for
from envoycodec.construct import maker
from envoycodec.schema import fields_of, type_url
from envoycodec.wire import length_delimited, varint

__all__ = ["EncodeError", "encode", "encode_any", "length_delimited", "pack", "type_url", "varint"]

_new_any = maker(AnyMessage)
_REFUSALS = (TypeError, ValueError, AttributeError, KeyError, OverflowError, struct.error)


class EncodeError(ValueError):
    """A message holds a value that its schema does not allow; the text says where."""


def encode(message: betterproto2.Message) -> bytes:
    """The message's wire format; equal messages give equal bytes.

    Raises EncodeError on a value of the wrong type or out of range, on an attribute that is no field, and when two
    members of a oneof are set.
    """
    cls = message.__class__
    try:
        return (compiled.get(cls) or encoder_for(cls))(message)
    except _REFUSALS as refusal:
        raise EncodeError(f"{_locate(message)}: {refusal}") from refusal


def pack(message: betterproto2.Message) -> AnyMessage:
    """The message inside a google.protobuf.Any, under the URL of its own type."""
    return _new_any(type_url=type_url(message.__class__), value=encode(message))


def encode_any(message: betterproto2.Message) -> bytes:
    """The wire format of ``pack(message)``, which is what a discovery response carries for each resource."""
    payload = encode(message)
    head = _any_head(message.__class__)
    return head + length_delimited(2, payload) if payload else head


@cache
def _any_head(cls: type) -> bytes:
    return length_delimited(1, type_url(cls).encode())


def _locate(message: Any) -> str:
    """The path to the first value that does not encode, such as ``Cluster.filters[0].name``."""
    cls: type = message.__class__
    return cls.__name__ + (_path_to_refusal(message, cls) if isinstance(message, betterproto2.Message) else "")


def _path_to_refusal(message: Any, cls: type) -> str:
    make = maker(cls)
    for field in fields_of(cls):
        value = message.__dict__.get(field.name)
        if _encodes(make(**{field.name: value})):
            continue
        for position, item in _items(value):
            if isinstance(item, betterproto2.Message) and not _encodes(item):
                return f".{field.name}{position}{_path_to_refusal(item, item.__class__)}"
        return f".{field.name}"
    return ""


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"[{key!r}]", item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    else:
        yield "", value


def _encodes(message: Any) -> bool:
    try:
        encoder_for(message.__class__)(message)
    except _REFUSALS:
        return False
    return True
