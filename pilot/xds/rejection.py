"""Which resources a NACK is about: Envoy names them in its text."""

from __future__ import annotations

from collections.abc import Iterable

from pilot.xds.resources import EncodedResource

_PART_OF_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_|-/")


def named_resources(resources: Iterable[EncodedResource], error: str) -> tuple[EncodedResource, ...]:
    """Those of ``resources`` that ``error`` names; none when it does not say which it is about.

    Envoy writes ``Error adding/updating listener(s) NAME: reason, NAME: reason``; other types quote the name
    somewhere, and a message that breaks a constraint of its proto is refused without a name.
    """
    return tuple(resource for resource in resources if resource.name and _names(error, resource.name))


def _names(text: str, name: str) -> bool:
    """Whether ``name`` stands in ``text`` as a whole: ``0.0.0.0_80`` is not in ``0.0.0.0_8080``."""
    at = text.find(name)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(name) : at + len(name) + 2]
        # A dot goes on a name when more of a name follows it, and ends a sentence otherwise.
        goes_on = after[:1] in _PART_OF_NAME or (after[:1] == "." and after[1:] in _PART_OF_NAME)
        if before not in _PART_OF_NAME and before != "." and not (after and goes_on):
            return True
        at = text.find(name, at + 1)
    return False
