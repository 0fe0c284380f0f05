"""Decoders of single values: text, booleans, numbers, durations, enums, and JSON of any shape."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Any

from galley.frozen import FrozenMap
from galley.text.nodes import Mapping, Node, Scalar, Sequence, at_key
from galley.text.recorder import Recorder
from galley.text.scalars import NULLS, TRUES, core_type, parse_duration, parse_float, parse_int
from galley.text.wording import COMMENT_HINT, description, has_comment, nearest, quoted, shown_path

Decoder = Callable[[Node, str, Recorder], Any]
"""Turns the node at a field path into a value; what is wrong is recorded, and None comes back."""


def is_null(node: Node) -> bool:
    """Whether the node is an absent value: ``null``, ``~`` or nothing."""
    return type(node) is Scalar and node.plain and node.value in NULLS


def decode_string(node: Node, path: str, recorder: Recorder) -> str | None:
    """Text. What YAML 1.2 reads as a number, a boolean or null must be quoted; ``no`` and ``22:22`` are text."""
    if type(node) is Scalar:
        text = node.value
        if not node.plain:
            return text
        if core_type(text) == "str":
            if "//" in text and has_comment(node):
                message = f"{shown_path(path)} is the text {quoted(text)}, with all that follows `//`"
                recorder.warn_at(node, "comment-in-value", message, path, f"{COMMENT_HINT}; quote it if it is meant")
            return text
        recorder.wrong_type_at(node, path, "text", f'quote it: "{text}"' if text and len(text) < 60 else "quote it")
    else:
        recorder.wrong_type_at(node, path, "text")
    return None


def decode_bool(node: Node, path: str, recorder: Recorder) -> bool | None:
    """``true`` or ``false``; ``yes``, ``on`` and quoted words are not booleans."""
    if type(node) is Scalar:
        if node.plain and core_type(node.value) == "bool":
            return node.value in TRUES
        hint = "remove the quotes" if node.value in ("true", "false") else "write true or false"
        recorder.wrong_type_at(node, path, "true or false", hint)
    else:
        recorder.wrong_type_at(node, path, "true or false")
    return None


def decode_int(node: Node, path: str, recorder: Recorder) -> int | None:
    """A decimal integer of at most 32 bits."""
    return _decode_number(node, path, recorder, parse_int, "an integer")


def decode_float(node: Node, path: str, recorder: Recorder) -> float | None:
    """A finite decimal number."""
    return _decode_number(node, path, recorder, parse_float, "a number")


def _decode_number(node: Node, path: str, recorder: Recorder, parse: Callable[[str], Any], expected: str) -> Any | None:
    hint = ""
    if type(node) is Scalar:
        try:
            number = parse(node.value)
        except ValueError as error:
            hint = str(error)
        else:
            if node.plain:
                return number
            hint = "remove the quotes"
    recorder.wrong_type_at(node, path, expected, hint)
    return None


def decode_int_or_string(node: Node, path: str, recorder: Recorder) -> int | str | None:
    """Kubernetes' IntOrString: a plain number is a number, anything else text."""
    if type(node) is Scalar and node.plain and core_type(node.value) == "int":
        return decode_int(node, path, recorder)
    return decode_string(node, path, recorder)


def decode_duration(node: Node, path: str, recorder: Recorder) -> timedelta | None:
    """A duration with its unit, as Go writes it: ``1.5s``, ``100ms``, ``1h30m``."""
    hint = ""
    if type(node) is Scalar:
        try:
            if not node.plain or core_type(node.value) == "str":
                return parse_duration(node.value)
            hint = f"add a unit: {node.value[:20]}s" if core_type(node.value) in ("int", "float") else ""
        except ValueError as error:
            hint = str(error)
    recorder.wrong_type_at(node, path, "a duration", hint)
    return None


def enum_decoder(enum: type[StrEnum]) -> Decoder:
    """A decoder of the names of ``enum``, written as Istio writes them."""
    members = {member.value: member for member in enum}

    def decode_enum(node: Node, path: str, recorder: Recorder) -> StrEnum | None:
        if type(node) is not Scalar:
            recorder.wrong_type_at(node, path, "one of " + ", ".join(members))
            return None
        member = members.get(node.value)
        if member is None:
            guess = "" if recorder.is_full else nearest(node.value, members)
            hint = COMMENT_HINT if has_comment(node) else f"did you mean `{guess}`?" if guess else ""
            message = f"{shown_path(path)} takes one of {', '.join(members)}, not {description(node)}"
            recorder.error_at(node, "unknown-value", message, path, hint)
        return member

    return decode_enum


def decode_any(node: Node, path: str, recorder: Recorder) -> Any:
    """JSON of any shape, as text, numbers, booleans, None, tuples and FrozenMaps."""
    if type(node) is Sequence:
        return tuple(decode_any(item, f"{path}[{index}]", recorder) for index, item in enumerate(node.items))
    if type(node) is Scalar:
        return _any_scalar(node, path, recorder)
    if type(node) is Mapping:
        entries = {key.value: decode_any(value, at_key(path, key.value), recorder) for key, value in node.entries}
        return FrozenMap(entries)
    return None


def _any_scalar(node: Scalar, path: str, recorder: Recorder) -> Any:
    kind = core_type(node.value) if node.plain else "str"
    if kind == "null":
        return None
    decode: Decoder = {
        "bool": decode_bool,
        "int": decode_float if len(node.value) > 9 else decode_int,
        "float": decode_float,
        "str": decode_string,
    }[kind]
    return decode(node, path, recorder)
