"""What a plain YAML scalar means: the YAML 1.2 core schema, by regular expressions, and nothing of YAML 1.1.

YAML 1.1 reads ``no`` as false, ``017`` as fifteen and ``22:22`` as 1342; Galley never does. Which type a scalar must
have is decided by the field that it stands in (``galley.decode``); this module says what the text alone looks like.
"""

from __future__ import annotations

import re
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
