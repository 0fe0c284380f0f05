"""Merging upb messages as Istio does for EnvoyFilters.

That is protobuf's merge, except that durations and wrapped scalars are replaced: field by field, 1.5s and 2s would
make 2.5s, and a wrapped zero could not be written over anything.
"""

from __future__ import annotations

import copy
from typing import Any

from envoycodec.schema import TYPE_URL_PREFIX
from envoycodec.upb import decode_upb

_REPLACED = frozenset({"Duration", "Any", "Timestamp"})
_WELL_KNOWN = "google.protobuf."


def merge(target: Any, source: Any, *, replace_lists: bool = False) -> None:
    """Merge what is set in ``source`` into ``target``, a message of the same type. Lists are appended to, or replaced
    with ``replace_lists``; of a map, entries are replaced by key."""
    for field, value in source.ListFields():
        name, kind = field.name, field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            _merge_map(getattr(target, name), value, of_messages=kind.fields_by_name["value"].message_type is not None)
        elif field.is_repeated:
            if replace_lists:
                target.ClearField(name)
            getattr(target, name).extend(value)
        elif kind is None:
            setattr(target, name, value)
        elif _is_replaced(kind.full_name):
            getattr(target, name).CopyFrom(value)
        else:
            inner = getattr(target, name)
            inner.SetInParent()
            merge(inner, value, replace_lists=replace_lists)


def _merge_map(target: Any, source: Any, *, of_messages: bool) -> None:
    for key in source:
        if of_messages:
            target[key].CopyFrom(source[key])
        else:
            target[key] = source[key]


def _is_replaced(name: str) -> bool:
    short = name.removeprefix(_WELL_KNOWN)
    return name.startswith(_WELL_KNOWN) and (short in _REPLACED or short.endswith("Value"))


def merge_any(target: Any, source: Any, *, replace_lists: bool = False) -> bool:
    """Merge the message in the Any ``source`` into that in ``target``. False, and nothing done, when they are of
    different types or of one that is not known."""
    if target.type_url != source.type_url:
        return False
    name = target.type_url.removeprefix(TYPE_URL_PREFIX)
    inner, added = decode_upb(name, target.value), decode_upb(name, source.value)
    merge(inner, added, replace_lists=replace_lists)
    target.value = inner.SerializeToString(deterministic=True)
    return True


def rewritten(repeated: Any, items: list[Any]) -> None:
    """Make ``items`` the whole of a ``repeated`` field of messages, from which they may come themselves."""
    copies = [copy.deepcopy(item) for item in items]
    del repeated[:]
    repeated.extend(copies)
