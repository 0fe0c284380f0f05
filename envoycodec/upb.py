"""protobuf-upb messages of the same schema: fast decoding, and protobuf's canonical JSON in both directions.

Both directions of betterproto2 are unfit for this: its parser accepts truncated input and its JSON has wrong names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

from google.protobuf import json_format
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


def decode_upb(cls: type, data: bytes) -> Any:
    """``data`` decoded as a message of ``cls``, in its upb class; ValueError when it is not well-formed."""
    return _decode(full_name(cls), data)


def to_json_dict(message_type: type | str, data: bytes) -> dict[str, Any]:
    """``data`` as canonical protobuf JSON, with what is inside every Any.

    ``message_type`` is an envoy-data-plane class or a type URL.  Raises ValueError when ``data`` is not well-formed
    and when the type, or one inside an Any, is not part of envoy-data-plane.
    """
    message = _decode(_name(message_type), data)
    try:
        found = json_format.MessageToDict(message, descriptor_pool=_json_pool)
    except (TypeError, DecodeError, json_format.Error) as refusal:
        raise ValueError(f"{_name(message_type)}: {refusal}") from refusal
    plain: dict[str, Any] = _plain(found)
    return plain


def _plain(value: Any) -> Any:
    """A copy made of dict and list only: protobuf's OrderedDict inside Any is refused by YAML dumpers."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def parse_json(message_type: type | str, content: Mapping[str, Any]) -> bytes:
    """The deterministic encoding of a message given as protobuf JSON, under its camelCase or its original names.

    Raises ValueError when the content does not fit the type or the type is not part of envoy-data-plane.
    """
    name = _name(message_type)
    message = _class_named(name)()
    try:
        # protobuf's parser takes "@type" out of the dicts it is given for a while, hence the copy.
        json_format.ParseDict(_plain(content), message, descriptor_pool=_json_pool)
    except (json_format.Error, TypeError, AttributeError) as refusal:
        raise ValueError(f"{name}: {refusal}") from refusal
    _sort_maps_in_any(message)
    return message.SerializeToString(deterministic=True)


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
