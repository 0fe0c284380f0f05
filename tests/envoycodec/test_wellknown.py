from __future__ import annotations

import math
from typing import Any

import pytest
from envoy_data_plane.google.protobuf import Struct
from hypothesis import given
from hypothesis import strategies as st

from envoycodec.encode import encode
from envoycodec.upb import decode_upb, to_json_dict
from envoycodec.wellknown import list_value, struct, struct_to_dict

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text()
plain = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)


@given(st.dictionaries(st.text(), plain, max_size=6))
def test_plain_values_come_back(content: dict[str, Any]) -> None:
    assert struct_to_dict(decode_upb(Struct, encode(struct(content)))) == content


def test_values_are_those_of_protobuf_json() -> None:
    content: dict[str, Any] = {"a": None, "b": [1, "x", {"c": True}], "d": 1.5, "e": {}, "f": []}
    assert to_json_dict(Struct, encode(struct(content))) == content


def test_whole_numbers_become_integers() -> None:
    found = struct_to_dict(decode_upb(Struct, encode(struct({"whole": 15090.0, "part": 0.5, "inf": math.inf}))))
    assert type(found["whole"]) is int
    assert found == {"whole": 15090, "part": 0.5, "inf": math.inf}


def test_a_value_without_a_kind_is_none() -> None:
    assert struct_to_dict(decode_upb(Struct, b"\x0a\x05\x0a\x01k\x12\x00")) == {"k": None}


@pytest.mark.parametrize("value", [b"bytes", object(), {1, 2}])
def test_values_that_json_cannot_hold_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="no form in a Struct"):
        struct({"a": value})


def test_tuples_are_lists() -> None:
    assert list_value(("a", "b")) == list_value(["a", "b"])
