"""Fast keyword constructors for envoy-data-plane messages.

The generated constructors validate through pydantic and cost several times more; the encoder checks the same types
and ranges when the message is encoded, so what is built here is not left unchecked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from envoycodec.schema import UNKNOWN_FIELDS

P = ParamSpec("P")
M = TypeVar("M")


def maker(cls: Callable[P, M]) -> Callable[P, M]:
    """A constructor of ``cls`` that takes keyword arguments only and raises TypeError on an unknown field.

    Values are neither converted nor copied: a list given stays the caller's own. Making a maker costs nothing; the
    defaults are read at its first call. An unset repeated or map field gets a new empty list or dict each time.
    """
    template: dict[str, Any] = {}
    containers: list[tuple[str, Callable[[], Any]]] = []
    new = object.__new__
    generated = cast("type[Any]", cls)

    def make(*positional: P.args, **fields: P.kwargs) -> M:
        if not template:
            template.update(_defaults(generated))
            containers.extend((name, type(value)) for name, value in template.items() if type(value) in (list, dict))
        message: Any = new(generated)
        values = template.copy()
        for name, container in containers:
            values[name] = container()
        values |= fields
        if positional or len(values) != len(template):
            raise TypeError(_refusal(generated, positional, fields))
        message.__dict__ = values
        return message  # type: ignore[no-any-return]

    return make


def _defaults(cls: type[Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in dataclasses.fields(cls):
        if field.default_factory is dataclasses.MISSING:
            raise TypeError(f"{cls.__name__}.{field.name} has no default factory: not a generated message")
        values[field.name] = field.default_factory()
    values[UNKNOWN_FIELDS] = b""
    return values


def _refusal(cls: type[Any], positional: tuple[Any, ...], fields: dict[str, Any]) -> str:
    if positional:
        return f"{cls.__name__} takes keyword arguments only"
    known = {field.name for field in dataclasses.fields(cls)}
    return f"{cls.__name__} has no field {', '.join(sorted(set(fields) - known))}"
