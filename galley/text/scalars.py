"""What a plain YAML scalar means: the YAML 1.2 core schema, by regular expressions, and nothing of YAML 1.1.

YAML 1.1 reads ``no`` as false, ``017`` as fifteen and ``22:22`` as 1342; Galley never does. Which type a scalar must
have is decided by the field that it stands in (``galley.decoding``); this module says what the text alone looks like,
and turns it into numbers and durations.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from decimal import Decimal
from typing import Literal

CoreType = Literal["null", "bool", "int", "float", "str"]

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
TRUES = frozenset({"true", "True", "TRUE"})
FALSES = frozenset({"false", "False", "FALSE"})

# YAML 1.2.2, section 10.3.2 "Tag Resolution". Lengths need no bound: each pattern matches in linear time.
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
# Every text that is not a string begins with one of these; most strings are told apart by their first character.
_MAY_BE_TYPED = frozenset("0123456789+-.~nNtTfF")


def core_type(text: str) -> CoreType:
    """The type that YAML 1.2's core schema gives to the plain scalar ``text``."""
    if text and text[0] not in _MAY_BE_TYPED:
        return "str"
    if text in NULLS:
        return "null"
    if text in TRUES or text in FALSES:
        return "bool"
    if _INT.fullmatch(text):
        return "int"
    return "float" if _FLOAT.fullmatch(text) else "str"


_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)")
_LARGEST_DIGITS = 12


def parse_int(text: str) -> int:
    """A decimal integer without leading zeros, between the least int32 and the greatest uint32.

    Raises ValueError, whose text says what would be right.
    """
    if _DECIMAL.fullmatch(text) is None:
        raise ValueError(_integer_advice(text))
    if len(text) > _LARGEST_DIGITS or not -(1 << 31) <= (number := int(text)) < 1 << 32:
        raise ValueError("it must be between -2147483648 and 4294967295")
    return number


def _integer_advice(text: str) -> str:
    if re.fullmatch(r"[-+]?0[0-9]{1,12}", text):
        return f"write {int(text)}: some readers of YAML take a leading zero for octal"
    if re.fullmatch(r"[0-9]{1,10}(_[0-9]{1,10})+", text):
        return f"write {text.replace('_', '')}, without underscores"
    return "write a decimal integer"


def parse_float(text: str) -> float:
    """A finite decimal number. Raises ValueError, whose text says what would be right."""
    if core_type(text) in ("int", "float") and len(text) <= 64 and text[0:2] not in ("0x", "0o"):
        number = float(text) if text.lstrip("+-.")[:1].isdigit() else math.nan
        if math.isfinite(number):
            return number
    raise ValueError("write a decimal number")


# Go's time.ParseDuration, which Istio reads durations with; protobuf's own form ("1.5s") is part of it.
_DURATION = re.compile(r"(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+")
_DURATION_PART = re.compile(r"([0-9.]+)(ns|us|µs|μs|ms|s|m|h)")
_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}


def parse_duration(text: str) -> timedelta:
    """A duration such as ``1.5s``, ``100ms`` or ``1h30m``, rounded to whole microseconds.

    Raises ValueError, whose text says what would be right.
    """
    if text == "0":
        return timedelta(0)
    if text.startswith("-"):
        raise ValueError("a duration must not be negative")
    digits = text.removeprefix("+")
    if len(digits) > 64 or _DURATION.fullmatch(digits) is None:
        bare = re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text)
        raise ValueError(
            f"add a unit: {text}s or {text}ms" if bare else "write a number and a unit: 10s, 1.5s, 250ms, 1m"
        )
    nanoseconds = sum(Decimal(number) * _NANOSECONDS[unit] for number, unit in _DURATION_PART.findall(digits))
    if nanoseconds >= 1 << 63:
        raise ValueError("it is longer than 292 years")
    return timedelta(microseconds=round(nanoseconds / 1000))
