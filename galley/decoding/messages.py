"""Decoders of dataclasses, compiled once per class from its annotations and field metadata.

Field names in YAML are the lowerCamelCase form of the attributes; the attribute's own spelling is read too, as
protobuf's JSON mapping asks ("Parsers accept both the lowerCamelCase name and the original proto field name").
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping as MappingType
from datetime import timedelta
from enum import StrEnum
from typing import Any

from galley.decoding.scalars import (
    Decoder,
    decode_any,
    decode_bool,
    decode_duration,
    decode_float,
    decode_int,
    decode_int_or_string,
    decode_string,
    enum_decoder,
    is_null,
)
from galley.frozen import FrozenMap
from galley.text.nodes import Mapping, Node, Scalar, Sequence, at_key
from galley.text.recorder import Recorder
from galley.text.wording import COMMENT_HINT, nearest, quoted, shown_path


@dataclasses.dataclass(frozen=True, slots=True)
class FieldDecoder:
    """How one field of a dataclass is read. ``message`` is the dataclass inside it, if any; ``suffix`` tells a list."""

    attribute: str
    name: str
    decode: Decoder
    metadata: MappingType[str, Any]
    default: Any
    message: type | None
    suffix: str


@dataclasses.dataclass(frozen=True, slots=True)
class MessageDecoder:
    """Reads a mapping into a dataclass. Call it like any decoder."""

    type: type
    fields: MappingType[str, FieldDecoder]  # by every name that YAML may use
    ignored: frozenset[str]
    oneofs: tuple[tuple[str, ...], ...]
    required: tuple[FieldDecoder, ...]

    @property
    def names(self) -> list[str]:
        """The field names as the API documents them."""
        return [name for name, field in self.fields.items() if name == field.name]

    def __call__(self, node: Node, path: str, recorder: Recorder) -> Any:
        if type(node) is not Mapping:
            self._report_shape(node, path, recorder)
            return None
        before = recorder.errors
        values: dict[str, Any] = {}
        keys: dict[str, Scalar] = {}
        fields = self.fields
        for key, value in node.entries:
            field = fields.get(key.value)
            if field is None:
                self._report_unknown(key, path, recorder)
            elif field.attribute in keys:
                message = f"{shown_path(f'{path}.{field.name}')} is given twice, as {quoted(key.value)} too"
                recorder.error_at(key, "duplicate-key", message, path, "keep one of the two")
            elif not (type(value) is Scalar and is_null(value)):
                keys[field.attribute] = key
                decoded = field.decode(value, f"{path}.{key.value}", recorder)
                values[field.attribute] = decoded
                if field.metadata and decoded is not None and decoded != field.default:
                    _check_support(field, decoded, key, f"{path}.{key.value}", recorder)
        if self.oneofs:
            self._check_oneofs(keys, path, recorder)
        for field in self.required:
            if field.attribute not in keys:
                message = f"{shown_path(path)} needs the field `{field.name}`"
                recorder.error_at(node, "missing-field", message, f"{path}.{field.name}")
        return None if recorder.errors > before else self.type(**values)

    def _report_shape(self, node: Node, path: str, recorder: Recorder) -> None:
        names = self.names
        shown = ", ".join(names) if len(names) <= 4 else ", ".join(names[:3]) + ", …"
        hint = ""
        if isinstance(node, Scalar) and len(names) == 1 and len(node.value) < 40:
            hint = f"write `{names[0]}: {node.value}` below it"
        elif isinstance(node, Sequence):
            hint = "remove the `- `; it is not a list"
        recorder.wrong_type_at(node, path, f"a mapping ({shown})", hint)

    def _report_unknown(self, key: Scalar, path: str, recorder: Recorder) -> None:
        if key.value in self.ignored:
            return
        hint = "" if recorder.is_full else _hint_for_unknown(key.value, self)
        message = f"{quoted(key.value)} is not a field of {shown_path(path)}"
        recorder.error_at(key, "unknown-field", message, f"{path}.{key.value[:64]}", hint)

    def _check_oneofs(self, keys: dict[str, Scalar], path: str, recorder: Recorder) -> None:
        for oneof in self.oneofs:
            given = [keys[attribute] for attribute in oneof if attribute in keys]
            if len(given) > 1:
                names = " and ".join(quoted(key.value) for key in given)
                message = f"{names} exclude each other in {shown_path(path)}"
                last = max(given, key=lambda key: (key.line, key.column))
                recorder.error_at(last, "exclusive-fields", message, f"{path}.{last.value}", "keep one of them")


def _check_support(field: FieldDecoder, value: Any, key: Scalar, path: str, recorder: Recorder) -> None:
    """Say so when a field, or its value, is read but not translated, or not enforced."""
    metadata = field.metadata
    ended = metadata.get("until_identities", ())
    if recorder.identities and (ended is True or value in ended):
        return
    shown = shown_path(path)
    if "unsupported" in metadata:
        recorder.warn_at(key, "not-supported-yet", f"{shown} is not supported yet: {metadata['unsupported']}", path)
    if "unenforced" in metadata:
        recorder.unenforced_at(key, f"{shown} cannot be enforced yet: {metadata['unenforced']}", path)
    if reason := metadata.get("unsupported_values", {}).get(value):
        recorder.warn_at(key, "not-supported-yet", f"{shown}: {value} is not supported yet: {reason}", path)
    if reason := metadata.get("unenforced_values", {}).get(value):
        recorder.unenforced_at(key, f"{shown}: {value} cannot be enforced yet: {reason}", path)


def _hint_for_unknown(name: str, decoder: MessageDecoder) -> str:
    if "//" in name:
        return COMMENT_HINT
    field, _, value = name.partition(":")
    if value and field in decoder.fields:
        return f"write a space behind the colon: `{field}: {value}`"
    below = _path_below(name, decoder)
    guess = nearest(name, decoder.names, cutoff=0.8 if below else 0.6)
    if guess:
        return f"did you mean `{guess}`?"
    if below:
        return f"`{name}` is a field of `{below}`; check the indentation"
    return f"its fields are {', '.join(decoder.names)}" if len(decoder.names) <= 12 else ""


def _path_below(name: str, decoder: MessageDecoder) -> str:
    """The nearest message below ``decoder`` that has the field ``name``, as a path such as ``http[].retries``."""
    level: list[tuple[str, MessageDecoder]] = [("", decoder)]
    seen: set[type] = set()
    while level:
        below: list[tuple[str, MessageDecoder]] = []
        for path, message in level:
            if path and name in message.fields:
                return path
            for field in map(message.fields.__getitem__, message.names):
                if field.message is not None and field.message not in seen:
                    seen.add(field.message)
                    inner = f"{path}.{field.name}{field.suffix}".removeprefix(".")
                    below.append((inner, message_decoder(field.message)))
        level = below
    return ""


@functools.cache
def message_decoder(cls: type) -> MessageDecoder:
    """The decoder of a dataclass."""
    hints = typing.get_type_hints(cls)
    fields: dict[str, FieldDecoder] = {}
    for field in dataclasses.fields(cls):
        name = field.metadata.get("name") or _camel(field.name)
        default = field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default
        message, suffix = _message_within(hints[field.name])
        metadata = {key: value for key, value in field.metadata.items() if key != "name"}
        decode = value_decoder(hints[field.name])
        made = FieldDecoder(field.name, name, decode, metadata, default, message, suffix)
        fields[name] = made
        if "name" not in field.metadata:
            fields.setdefault(field.name, made)
    required = tuple(
        field for name, field in fields.items() if name == field.name and field.default is dataclasses.MISSING
    )
    return MessageDecoder(
        type=cls,
        fields=fields,
        ignored=getattr(cls, "__ignored__", frozenset()),
        oneofs=getattr(cls, "__oneofs__", ()),
        required=required,
    )


_SCALARS: dict[Any, Decoder] = {
    str: decode_string,
    bool: decode_bool,
    int: decode_int,
    float: decode_float,
    timedelta: decode_duration,
    Any: decode_any,
    int | str: decode_int_or_string,
}


def value_decoder(annotation: Any) -> Decoder:
    """The decoder of a field's annotation. Raises TypeError for one that no convention covers: a bug in a kind."""
    annotation = _without_none(annotation)
    scalar = _SCALARS.get(annotation)
    if scalar is not None:
        return scalar
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is tuple and arguments[1:] == (...,):
        return _list_decoder(value_decoder(arguments[0]), arguments[0])
    if origin is FrozenMap and arguments[0] is str:
        return _map_decoder(value_decoder(arguments[1]))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return enum_decoder(annotation)
    if dataclasses.is_dataclass(annotation):
        return message_decoder(typing.cast("type", annotation))
    raise TypeError(f"no decoder for {annotation!r}")


def _list_decoder(decode_item: Decoder, item: Any) -> Decoder:
    expected = "a list of text" if item is str else "a list"

    def decode_list(node: Node, path: str, recorder: Recorder) -> tuple[Any, ...] | None:
        if type(node) is not Sequence:
            recorder.wrong_type_at(node, path, expected, "begin each entry with `- `")
            return None
        values = []
        for index, entry in enumerate(node.items):
            if is_null(entry):
                message = f"entry {index} of {shown_path(path)} is empty"
                recorder.error_at(entry, "null-entry", message, f"{path}[{index}]", "remove the `-`, or fill it")
            else:
                values.append(decode_item(entry, f"{path}[{index}]", recorder))
        return tuple(values)

    return decode_list


def _map_decoder(decode_value: Decoder) -> Decoder:
    def decode_map(node: Node, path: str, recorder: Recorder) -> FrozenMap[str, Any] | None:
        if type(node) is not Mapping:
            recorder.wrong_type_at(node, path, "a mapping", "write `key: value` below it")
            return None
        values = {}
        for key, value in node.entries:
            inner = at_key(path, key.value)
            if is_null(value):
                hint = COMMENT_HINT if "//" in key.value else ""
                recorder.error_at(value, "null-entry", f"{shown_path(inner)} has no value", inner, hint)
            else:
                values[key.value] = decode_value(value, inner, recorder)
        return FrozenMap(values)

    return decode_map


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        alternatives = [item for item in typing.get_args(annotation) if item is not type(None)]
        return functools.reduce(lambda left, right: left | right, alternatives)
    return annotation


def _message_within(annotation: Any) -> tuple[type | None, str]:
    """The dataclass that an annotation holds, and how a path enters it: "" itself, "[]" a list or a map."""
    annotation = _without_none(annotation)
    suffix = ""
    if typing.get_origin(annotation) in (tuple, FrozenMap):
        suffix = "[]"
        annotation = typing.get_args(annotation)[-1 if typing.get_origin(annotation) is FrozenMap else 0]
    is_message = isinstance(annotation, type) and dataclasses.is_dataclass(annotation)
    return (annotation if is_message else None), suffix


def _camel(attribute: str) -> str:
    head, *tail = attribute.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)
