"""The schema of envoy-data-plane messages, read from the metadata of their generated classes.

This is the only module that knows how betterproto2 keeps that metadata. It reads dataclass fields directly, because
``Message._betterproto`` evaluates every annotation and makes a class per map field, which costs half a second over
the classes that a control plane uses.
"""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from envoy_data_plane.message_pool import default_message_pool

TYPE_URL_PREFIX = "type.googleapis.com/"
PACKAGE_ROOT = "envoy_data_plane."
UNKNOWN_FIELDS = "_unknown_fields"


class Metadata(Protocol):
    """What betterproto2 records about one field."""

    number: int
    proto_type: str
    map_meta: tuple[Metadata, Metadata] | None
    group: str | None
    unwrap: Callable[[], type] | None
    optional: bool | None
    repeated: bool | None


@dataclass(frozen=True, slots=True)
class Kind:
    """The type of a value: a scalar's protobuf name, ``message`` or ``enum`` with its class, or a wrapper.

    ``wrapper`` names the google.protobuf message (``Duration``, ``UInt32Value`` …) whose value is held as a plain
    Python value; ``cls`` is then None.
    """

    name: str
    cls: type | None = None
    wrapper: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message; ``key`` is set on map fields only, whose ``kind`` is that of the values."""

    name: str
    number: int
    kind: Kind
    key: Kind | None
    repeated: bool
    presence: bool
    oneof: str | None
    default: Callable[[], Any]


@cache
def fields_of(cls: type) -> tuple[Field, ...]:
    """The fields of a message class in the order of their numbers."""
    namespace = vars(sys.modules[cls.__module__])
    found = [_field(each, namespace) for each in dataclasses.fields(cls)]
    return tuple(sorted(found, key=lambda field: field.number))


def _field(field: dataclasses.Field[Any], namespace: dict[str, Any]) -> Field:
    meta: Metadata = field.metadata["betterproto"]
    key = Kind(meta.map_meta[0].proto_type) if meta.map_meta else None
    value = meta.map_meta[1] if meta.map_meta else meta
    if field.default_factory is dataclasses.MISSING:
        raise TypeError(f"field {field.name} has no default factory: not a field of a generated message")
    return Field(
        name=field.name,
        number=meta.number,
        kind=_kind(value, str(field.type), namespace),
        key=key,
        repeated=bool(meta.repeated),
        presence=bool(meta.optional or meta.group or (meta.proto_type == "message" and not meta.repeated)),
        oneof=meta.group,
        default=field.default_factory,
    )


def _kind(meta: Metadata, annotation: str, namespace: dict[str, Any]) -> Kind:
    if meta.unwrap is not None:
        return Kind(meta.proto_type, wrapper=meta.unwrap().__name__)
    if meta.proto_type in ("message", "enum"):
        return Kind(meta.proto_type, cls=_named_in(_innermost(annotation), namespace))
    return Kind(meta.proto_type)


def _innermost(annotation: str) -> str:
    """The class named inside ``X | None``, ``list[X]`` or ``dict[K, X]``."""
    name = annotation.removesuffix(" | None")
    if name.startswith("list["):
        return name[len("list[") : -1]
    if name.startswith("dict["):
        return name[len("dict[") : -1].rpartition(", ")[2]
    return name


def _named_in(name: str, namespace: dict[str, Any]) -> type:
    head, _, rest = name.partition(".")
    found = namespace[head]
    for part in rest.split(".") if rest else ():
        found = getattr(found, part)
    if not isinstance(found, type):
        raise TypeError(f"annotation {name} does not name a class")
    return found


def type_url(cls: type) -> str:
    """The URL by which google.protobuf.Any names a message class; KeyError if it is no generated message."""
    return default_message_pool.type_to_url[cls]


def full_name(cls: type) -> str:
    """The protobuf name of a message class, for example ``envoy.config.cluster.v3.Cluster.EdsClusterConfig``."""
    return type_url(cls).removeprefix(TYPE_URL_PREFIX)


def package_of(cls: type) -> str:
    """The protobuf package of a message or enum class."""
    return cls.__module__.removeprefix(PACKAGE_ROOT)


@cache
def classes_in(package: str) -> tuple[type, ...]:
    """Every message class of a protobuf package, which is imported if need be; KeyError if there is none such."""
    try:
        module = importlib.import_module(PACKAGE_ROOT + package)
    except (ImportError, ValueError) as missing:
        raise KeyError(f"envoy-data-plane has no package {package}") from missing
    return tuple(cls for cls in default_message_pool.type_to_url if cls.__module__ == module.__name__)


def class_named(name: str) -> type:
    """The message class of a full protobuf name; its package is imported if need be.  KeyError if there is none."""
    url = TYPE_URL_PREFIX + name
    if url not in default_message_pool.url_to_type:
        # Package names are in lower case and message names are not.
        classes_in(".".join(itertools.takewhile(str.islower, name.split("."))))
    found = default_message_pool.url_to_type.get(url)
    if found is None:
        raise KeyError(f"envoy-data-plane has no message {name}")
    return found
