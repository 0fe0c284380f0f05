"""The protobuf wire format: varints, tags and the encodings of scalar and wrapped values.

Every function here returns bytes; those named after a protobuf type check that type's range and raise ValueError.
"""

from __future__ import annotations

import datetime
import struct
from collections.abc import Callable
from functools import lru_cache

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5

# google.protobuf.Duration is limited to 10,000 years of 365.25 days on either side of zero.
_MAX_DURATION_SECONDS = 315_576_000_000
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def varint(number: int) -> bytes:
    """``number`` in base 128; a negative one as its 64-bit two's complement.  ValueError when it needs more bits."""
    if number < 0:
        number += 1 << 64
        if number < 0:
            raise ValueError("integer below -2**63")
    elif number >> 64:
        raise ValueError("integer above 2**64-1")
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


SHORT = 1 << 14
VARINTS = (
    *(bytes((number,)) for number in range(128)),
    *(bytes((low, high)) for high in range(1, 128) for low in range(128, 256)),
)
"""The varints of up to two bytes, which are nearly all lengths and small numbers."""


def tag(field_number: int, wire_type: int) -> bytes:
    """What precedes a field's value."""
    return varint(field_number << 3 | wire_type)


def prefixed(payload: bytes) -> bytes:
    """``payload`` preceded by its length."""
    size = len(payload)
    return (VARINTS[size] if size < SHORT else varint(size)) + payload


def length_delimited(field_number: int, payload: bytes) -> bytes:
    """A whole field of type string, bytes or message: tag, length and ``payload``.

    A repeated field is the concatenation of such fields, so messages can be joined from parts encoded earlier.
    """
    return tag(field_number, DELIMITED) + prefixed(payload)


def _ranged(low: int, high: int) -> Callable[[int], bytes]:
    def encode(value: int) -> bytes:
        if not low <= value <= high:
            raise ValueError(f"{value} is not between {low} and {high}")
        return varint(value)

    return encode


def _zigzag(bits: int) -> Callable[[int], bytes]:
    limit = 1 << (bits - 1)

    def encode(value: int) -> bytes:
        if not -limit <= value < limit:
            raise ValueError(f"{value} does not fit in {bits} bits")
        return varint((value << 1) ^ (value >> (bits - 1)))

    return encode


def boolean(value: bool) -> bytes:
    """True or False only; anything else raises TypeError."""
    if value is True:
        return b"\x01"
    if value is False:
        return b"\x00"
    raise TypeError(f"{value!r} is not a bool")


INTEGERS: dict[str, Callable[[int], bytes]] = {
    "int32": _ranged(-(1 << 31), (1 << 31) - 1),
    "int64": _ranged(-(1 << 63), (1 << 63) - 1),
    "uint32": _ranged(0, (1 << 32) - 1),
    "uint64": _ranged(0, (1 << 64) - 1),
    "enum": _ranged(-(1 << 31), (1 << 31) - 1),
    "sint32": _zigzag(32),
    "sint64": _zigzag(64),
}
FIXED: dict[str, struct.Struct] = {
    "double": struct.Struct("<d"),
    "float": struct.Struct("<f"),
    "fixed32": struct.Struct("<I"),
    "fixed64": struct.Struct("<Q"),
    "sfixed32": struct.Struct("<i"),
    "sfixed64": struct.Struct("<q"),
}


def wire_type(proto_type: str) -> int:
    """The wire type of a single value of a protobuf type."""
    if proto_type in INTEGERS or proto_type == "bool":
        return VARINT
    if proto_type in FIXED:
        return FIXED64 if FIXED[proto_type].size == 8 else FIXED32
    return DELIMITED


def is_negative_zero(value: float) -> bool:
    """Whether ``value`` is -0.0, which protobuf writes although it equals the default."""
    return value == 0 and str(value).startswith("-")


@lru_cache(maxsize=4096)
def duration(value: datetime.timedelta) -> bytes:
    """The payload of google.protobuf.Duration, exact to the microsecond; seconds and nanos carry the same sign."""
    microseconds = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    if seconds > _MAX_DURATION_SECONDS:
        raise ValueError(f"{value} is longer than a protobuf Duration can be")
    if microseconds < 0:
        seconds, rest = -seconds, -rest
    return _seconds_and_nanos(seconds, rest * 1000)


def timestamp(value: datetime.datetime) -> bytes:
    """The payload of google.protobuf.Timestamp; a time without a zone raises TypeError."""
    since = value - _EPOCH
    return _seconds_and_nanos(since.days * 86_400 + since.seconds, since.microseconds * 1000)


def _seconds_and_nanos(seconds: int, nanos: int) -> bytes:
    return (b"\x08" + varint(seconds) if seconds else b"") + (b"\x10" + varint(nanos) if nanos else b"")


def _wrapped_integer(name: str) -> Callable[[int], bytes]:
    encode = INTEGERS[name]

    def wrapped(value: int) -> bytes:
        encoded = encode(value)
        return b"\x08" + encoded if value else b""

    return wrapped


def _wrapped_fixed(name: str) -> Callable[[float], bytes]:
    head, pack = tag(1, wire_type(name)), FIXED[name].pack

    def wrapped(value: float) -> bytes:
        packed = pack(value)
        return head + packed if value or is_negative_zero(value) else b""

    return wrapped


def _wrapped_bool(value: bool) -> bytes:
    return b"\x08\x01" if boolean(value) == b"\x01" else b""


def _wrapped_string(value: str) -> bytes:
    encoded = value.encode()
    return b"\x0a" + prefixed(encoded) if encoded else b""


def _wrapped_bytes(value: bytes) -> bytes:
    encoded = b"\x0a" + prefixed(value)
    return encoded if value else b""


WRAPPERS: dict[str, Callable[..., bytes]] = {
    "Duration": duration,
    "Timestamp": timestamp,
    "BoolValue": _wrapped_bool,
    "Int32Value": _wrapped_integer("int32"),
    "Int64Value": _wrapped_integer("int64"),
    "UInt32Value": _wrapped_integer("uint32"),
    "UInt64Value": _wrapped_integer("uint64"),
    "DoubleValue": _wrapped_fixed("double"),
    "FloatValue": _wrapped_fixed("float"),
    "StringValue": _wrapped_string,
    "BytesValue": _wrapped_bytes,
}
"""The payload of each google.protobuf message that betterproto2 holds as a plain Python value."""
