"""protobuf-upb messages of the same schema: fast decoding, and protobuf's canonical JSON in both directions.

Both directions of betterproto2 are unfit for this: its parser accepts truncated input and its JSON has wrong names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from envoycodec.descriptors import DerivedPool
from envoycodec.schema import TYPE_URL_PREFIX, full_name

_pool = DerivedPool()
# All that protobuf's JSON code asks of a pool is FindMessageTypeByName.
_json_pool = cast(DescriptorPool, _pool)


def upb_class(cls: type) -> type[Message]:
    """The upb class that has the fields of an envoy-data-plane message class."""
    return _class_named(full_name(cls))


def decode_upb(message_type: type | str, data: bytes) -> Any:
    """``data`` decoded as a message of a class, or of the one with a full name, in its upb class; ValueError when it is
    not well-formed."""
    return _decode(_name(message_type), data)


def to_json_dict(message_type: type | str, data: bytes) -> dict[str, Any]:
    """``data`` as canonical protobuf JSON, with what is inside every Any.

    Fields are in the order of their numbers, the entries of maps and of Struct by key. ``message_type`` is an
    envoy-data-plane class or a type URL.  Raises ValueError when ``data`` is not well-formed and when the type, or one
    inside an Any, is not part of envoy-data-plane.
    """
    message = _decode(_name(message_type), data)
    try:
        found = json_format.MessageToDict(message, descriptor_pool=_json_pool)
    except (TypeError, DecodeError, json_format.Error) as refusal:
        raise ValueError(f"{_name(message_type)}: {refusal}") from refusal
    ordered: dict[str, Any] = _ordered(found, message.DESCRIPTOR)
    return ordered


_FREE = frozenset({"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"})


def _ordered(value: Any, kind: Descriptor | None) -> Any:
    """A copy made of dict and list only (YAML dumpers refuse protobuf's OrderedDict inside Any), with the entries of
    maps by key: protobuf keeps them in an order of its own, which differs by run. ``kind`` None is free JSON."""
    if isinstance(value, list | tuple):
        return [_ordered(item, kind) for item in value]
    if not isinstance(value, Mapping):
        return value
    if kind is not None and kind.full_name == "google.protobuf.Any" and "@type" in value:
        return _ordered_fields(value, _pool.FindMessageTypeByName(_name(value["@type"])))
    return _ordered_fields(value, kind)


def _ordered_fields(value: Mapping[str, Any], kind: Descriptor | None) -> dict[str, Any]:
    if kind is None or kind.full_name in _FREE:
        return {key: _ordered(value[key], None) for key in sorted(value)}
    fields = _fields_by_json_name(kind)
    return {key: _ordered_field(item, fields.get(key)) for key, item in value.items()}


def _ordered_field(value: Any, field: FieldDescriptor | None) -> Any:
    """``field`` is None for what the schema does not have: ``@type``, and ``value`` of a well-known type in an Any."""
    kind = field.message_type if field is not None else None
    if kind is None or not kind.GetOptions().map_entry:
        return _ordered(value, kind)
    inner = kind.fields_by_name["value"].message_type
    return {key: _ordered(value[key], inner) for key in sorted(value)}


@cache
def _fields_by_json_name(kind: Descriptor) -> Mapping[str, FieldDescriptor]:
    return {field.json_name: field for field in kind.fields}


def parse_json(message_type: type | str, content: Mapping[str, Any]) -> bytes:
    """The deterministic encoding of a message given as protobuf JSON, under its camelCase or its original names.

    Raises ValueError when the content does not fit the type or the type is not part of envoy-data-plane.
    """
    name = _name(message_type)
    message = _class_named(name)()
    try:
        # protobuf's parser takes "@type" out of the dicts it is given for a while, hence the copy.
        json_format.ParseDict(_copy(content), message, descriptor_pool=_json_pool)
    except (json_format.Error, TypeError, AttributeError) as refusal:
        raise ValueError(f"{name}: {refusal}") from refusal
    _sort_maps_in_any(message)
    return message.SerializeToString(deterministic=True)


_TYPED_STRUCTS = ("/udpa.type.v1.TypedStruct", "/xds.type.v3.TypedStruct")


def _copy(value: Any) -> Any:
    """A copy, in which what a TypedStruct only wraps stands in its place, as Envoy reads it."""
    if isinstance(value, Mapping):
        wrapped = value.get("type_url") or value.get("typeUrl")
        if str(value.get("@type", "")).endswith(_TYPED_STRUCTS) and wrapped:
            return {**_copy(value.get("value") or {}), "@type": wrapped}
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list | tuple) else value


def _sort_maps_in_any(message: Any) -> None:
    """Encode what is inside every Any again: protobuf's JSON parser encodes it with its maps in random order."""
    if message.DESCRIPTOR.full_name != "google.protobuf.Any":
        for child in _messages_in(message):
            _sort_maps_in_any(child)
    elif message.type_url:
        inner = _decode(message.type_url.rpartition("/")[2], message.value)
        _sort_maps_in_any(inner)
        message.value = inner.SerializeToString(deterministic=True)


def _messages_in(message: Any) -> Iterator[Any]:
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        if descriptor.message_type.GetOptions().map_entry:
            if descriptor.message_type.fields_by_name["value"].message_type is not None:
                yield from value.values()
        elif isinstance(value, Message):
            yield value
        else:
            yield from value


def _name(message_type: type | str) -> str:
    if isinstance(message_type, str):
        return message_type.removeprefix(TYPE_URL_PREFIX)
    return full_name(message_type)


@cache
def _class_named(name: str) -> type[Message]:
    try:
        return GetMessageClass(_pool.FindMessageTypeByName(name))
    except KeyError as unknown:
        raise ValueError(f"unknown message type {name}") from unknown


def _decode(name: str, data: bytes) -> Any:
    message = _class_named(name)()
    try:
        message.ParseFromString(data)
    except DecodeError as malformed:
        raise ValueError(f"{name}: {malformed}") from malformed
    return message
