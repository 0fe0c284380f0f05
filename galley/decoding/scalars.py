"""Decoders of single values: text, booleans, numbers, durations, enums, and JSON of any shape."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Any

from galley.decoding.complaints import (
    Complaints,
    description,
    has_comment,
    path_of_key,
    quoted,
    shown_path,
)
from galley.decoding.suggestions import nearest
from galley.frozen import FrozenMap
from galley.text.compose import COMMENT_HINT
from galley.text.nodes import Mapping, Node, Scalar, Sequence
from galley.text.scalars import NULLS, TRUES, core_type, parse_duration, parse_float, parse_int

Decoder = Callable[[Node, str, Complaints], Any]
"""Turns the node at a field path into a value; what is wrong goes into the complaints, and None comes back."""


def is_null(node: Node) -> bool:
    """Whether the node is an absent value: ``null``, ``~`` or nothing."""
    return type(node) is Scalar and node.plain and node.value in NULLS


def decode_string(node: Node, path: str, complaints: Complaints) -> str | None:
    """Text. What YAML 1.2 reads as a number, a boolean or null must be quoted; ``no`` and ``22:22`` are text."""
    if type(node) is Scalar:
        text = node.value
        if not node.plain:
            return text
        if core_type(text) == "str":
            if "//" in text and has_comment(node):
                message = f"{shown_path(path)} is the text {quoted(text)}, with all that follows `//`"
                complaints.warning("comment-in-value", message, node, path, f"{COMMENT_HINT}; quote it if it is meant")
            return text
        complaints.wrong_type(node, path, "text", f'quote it: "{text}"' if text and len(text) < 60 else "quote it")
    else:
        complaints.wrong_type(node, path, "text")
    return None


def decode_bool(node: Node, path: str, complaints: Complaints) -> bool | None:
    """``true`` or ``false``; ``yes``, ``on`` and quoted words are not booleans."""
    if type(node) is Scalar:
        if node.plain and core_type(node.value) == "bool":
            return node.value in TRUES
        hint = "remove the quotes" if node.value in ("true", "false") else "write true or false"
        complaints.wrong_type(node, path, "true or false", hint)
    else:
        complaints.wrong_type(node, path, "true or false")
    return None


def decode_int(node: Node, path: str, complaints: Complaints) -> int | None:
    """A decimal integer of at most 32 bits."""
    return _decode_number(node, path, complaints, parse_int, "an integer")


def decode_float(node: Node, path: str, complaints: Complaints) -> float | None:
    """A finite decimal number."""
    return _decode_number(node, path, complaints, parse_float, "a number")


def _decode_number(
    node: Node, path: str, complaints: Complaints, parse: Callable[[str], Any], expected: str
) -> Any | None:
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
    complaints.wrong_type(node, path, expected, hint)
    return None


def decode_int_or_string(node: Node, path: str, complaints: Complaints) -> int | str | None:
    """Kubernetes' IntOrString: a plain number is a number, anything else text."""
    if type(node) is Scalar and node.plain and core_type(node.value) == "int":
        return decode_int(node, path, complaints)
    return decode_string(node, path, complaints)


def decode_duration(node: Node, path: str, complaints: Complaints) -> timedelta | None:
    """A duration with its unit, as Go writes it: ``1.5s``, ``100ms``, ``1h30m``."""
    hint = ""
    if type(node) is Scalar:
        try:
            if not node.plain or core_type(node.value) == "str":
                return parse_duration(node.value)
            hint = f"add a unit: {node.value[:20]}s" if core_type(node.value) in ("int", "float") else ""
        except ValueError as error:
            hint = str(error)
    complaints.wrong_type(node, path, "a duration", hint)
    return None


def enum_decoder(enum: type[StrEnum]) -> Decoder:
    """A decoder of the names of ``enum``, written as Istio writes them."""
    members = {member.value: member for member in enum}

    def decode_enum(node: Node, path: str, complaints: Complaints) -> StrEnum | None:
        if type(node) is not Scalar:
            complaints.wrong_type(node, path, "one of " + ", ".join(members))
            return None
        member = members.get(node.value)
        if member is None:
            guess = "" if complaints.are_full else nearest(node.value, members)
            hint = COMMENT_HINT if has_comment(node) else f"did you mean `{guess}`?" if guess else ""
            message = f"{shown_path(path)} takes one of {', '.join(members)}, not {description(node)}"
            complaints.error("unknown-value", message, node, path, hint)
        return member

    return decode_enum


def decode_any(node: Node, path: str, complaints: Complaints) -> Any:
    """JSON of any shape, as text, numbers, booleans, None, tuples and FrozenMaps."""
    if type(node) is Sequence:
        return tuple(decode_any(item, f"{path}[{index}]", complaints) for index, item in enumerate(node.items))
    if type(node) is Scalar:
        return _any_scalar(node, path, complaints)
    if type(node) is Mapping:
        entries = {key.value: decode_any(value, path_of_key(path, key), complaints) for key, value in node.entries}
        return FrozenMap(entries)
    return None


def _any_scalar(node: Scalar, path: str, complaints: Complaints) -> Any:
    kind = core_type(node.value) if node.plain else "str"
    if kind == "null":
        return None
    decode: Decoder = {
        "bool": decode_bool,
        "int": decode_float if len(node.value) > 9 else decode_int,
        "float": decode_float,
        "str": decode_string,
    }[kind]
    return decode(node, path, complaints)
