"""From what an Envoy says to the line that caused it: an error text quotes the value that it cannot accept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from galley.meta import Resource
from galley.text.diagnostics import Origin
from galley.text.nodes import Mapping, Node, Scalar, Sequence

_SHORTEST = 3
"""Values shorter than this (``1``, ``v1``) occur in texts by accident."""


def attribute_error(resources: Iterable[Resource[Any]], *, error: str, subject: str = "") -> tuple[Origin, ...]:
    """Where to look for the cause of ``error``, most likely origin first.

    ``subject`` is the name of the rejected xDS resource, which Envoy repeats in its text and which proves nothing.
    A value of a ``spec`` that the rest of the text quotes is the best witness, the longer the better; a resource
    without one is named by its first line.
    """
    text = error.replace(subject, "") if subject else error
    witnesses: list[tuple[int, Origin]] = []
    others: list[Origin] = []
    for resource in resources:
        found = list(_quoted(resource, text))
        witnesses += found
        if not found:
            others.append(resource.origin)
    witnesses.sort(key=lambda witness: -witness[0])
    return (*(origin for _, origin in witnesses), *others)


def _quoted(resource: Resource[Any], text: str) -> Iterator[tuple[int, Origin]]:
    if not isinstance(resource.tree, Mapping):
        return
    spec = resource.tree.find("spec")
    if spec is None:
        return
    for field, scalar in _scalars(spec, "spec"):
        if _occurs(scalar.value, text):
            yield len(scalar.value), Origin(resource.origin.file, scalar.line, scalar.column, field)


def _scalars(node: Node, field: str) -> Iterator[tuple[str, Scalar]]:
    match node:
        case Scalar():
            yield field, node
        case Sequence(items=items):
            for index, item in enumerate(items):
                yield from _scalars(item, f"{field}[{index}]")
        case Mapping(entries=entries):
            for key, value in entries:
                yield from _scalars(value, f"{field}.{key.value}")


def _occurs(value: str, text: str) -> bool:
    if len(value) < _SHORTEST or value not in text:
        return False
    return re.search(rf"(?<![\w.-]){re.escape(value)}(?![\w-])", text) is not None
