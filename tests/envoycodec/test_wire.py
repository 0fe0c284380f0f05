from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envoycodec.wire import INTEGERS, SHORT, VARINTS, boolean, is_negative_zero, length_delimited, tag, varint


def decode_varint(data: bytes) -> int:
    assert all(byte & 128 for byte in data[:-1])
    assert not data[-1] & 128
    return sum((byte & 127) << (7 * position) for position, byte in enumerate(data))


def test_the_table_holds_the_varints_of_short_numbers() -> None:
    assert len(VARINTS) == SHORT
    assert all(encoded == varint(number) for number, encoded in enumerate(VARINTS))


@given(st.integers(-(2**63), 2**64 - 1))
def test_varints_are_decoded_to_the_same_number(number: int) -> None:
    assert decode_varint(varint(number)) == number % 2**64


@given(st.integers(-(2**31), 2**31 - 1))
def test_zigzag_numbers_are_decoded_to_the_same_number(number: int) -> None:
    encoded = decode_varint(INTEGERS["sint32"](number))
    assert (encoded >> 1) ^ -(encoded & 1) == number


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("int32", -(2**31), 2**31 - 1),
        ("int64", -(2**63), 2**63 - 1),
        ("uint32", 0, 2**32 - 1),
        ("uint64", 0, 2**64 - 1),
        ("sint32", -(2**31), 2**31 - 1),
        ("sint64", -(2**63), 2**63 - 1),
    ],
)
def test_integers_are_refused_outside_of_their_range(name: str, lowest: int, highest: int) -> None:
    encode = INTEGERS[name]
    assert encode(lowest)
    assert encode(highest)
    for number in (lowest - 1, highest + 1):
        with pytest.raises(ValueError, match=str(number)):
            encode(number)


def test_booleans_are_taken_literally() -> None:
    assert (boolean(True), boolean(False)) == (b"\x01", b"\x00")
    with pytest.raises(TypeError, match="not a bool"):
        boolean(1)  # type: ignore[arg-type]


def test_negative_zero() -> None:
    assert is_negative_zero(-0.0)
    assert not is_negative_zero(0.0)
    assert not is_negative_zero(-1.0)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384])
def test_length_delimited(size: int) -> None:
    assert length_delimited(16, b"x" * size) == tag(16, 2) + varint(size) + b"x" * size
