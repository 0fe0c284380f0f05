"""protobuf descriptors derived from the schema of envoy-data-plane messages, so that upb can decode them.

Types are added to a pool when they are first asked for, together with all they refer to.  The real .proto files are
not known, so each group of top-level messages that refer to one another becomes a file of its own: such a group lies
in one real file, hence in one package, and the files of different groups cannot import one another in a circle.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

import betterproto2
from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pool import DescriptorPool

from envoycodec.schema import Field, Kind, class_named, classes_in, fields_of, full_name, package_of

FieldProto = descriptor_pb2.FieldDescriptorProto

# protobuf's own files: its JSON code recognises these types by their names and files.
_WELL_KNOWN_FILES: tuple[Any, ...] = (
    any_pb2.DESCRIPTOR,
    descriptor_pb2.DESCRIPTOR,
    duration_pb2.DESCRIPTOR,
    empty_pb2.DESCRIPTOR,
    field_mask_pb2.DESCRIPTOR,
    struct_pb2.DESCRIPTOR,
    timestamp_pb2.DESCRIPTOR,
    wrappers_pb2.DESCRIPTOR,
)
_NULL_VALUE = "google.protobuf.NullValue"
_ENUMS = "derived.enums"


class DerivedPool:
    """A pool that derives a message type, and the types it refers to, when it is first looked up."""

    def __init__(self) -> None:
        self._pool = DescriptorPool()
        # The names of top-level messages and of enums in the pool.
        self._known = {_NULL_VALUE}
        self._files = 0
        for file in _WELL_KNOWN_FILES:
            self._pool.AddSerializedFile(file.serialized_pb)
            self._known.update(f"{file.package}.{name}" for name in file.message_types_by_name)

    def FindMessageTypeByName(self, name: str) -> Descriptor:  # noqa: N802 - protobuf's JSON code calls it by this name
        """The descriptor of a message by its full name; KeyError when envoy-data-plane has no such message."""
        if name not in self._known:
            top = _top_level(class_named(name))
            if full_name(top) not in self._known:
                self._add(top)
        return self._pool.FindMessageTypeByName(name)

    def _add(self, top: type) -> None:
        """Add a top-level message and all that it refers to, the referred ones first."""
        for component in _components(top, _references_from(top, self._known)):
            self._add_file(component)

    def _add_file(self, component: list[type]) -> None:
        package = package_of(component[0])
        file = self._new_file(package)
        for top in component:
            for cls in _nest(top):
                self._describe(file, cls)
        self._pool.AddSerializedFile(file.SerializeToString())
        self._known.update(full_name(top) for top in component)

    def _new_file(self, package: str) -> descriptor_pb2.FileDescriptorProto:
        self._files += 1
        return descriptor_pb2.FileDescriptorProto(name=f"derived/{self._files}.proto", package=package, syntax="proto3")

    def _describe(self, file: descriptor_pb2.FileDescriptorProto, cls: type) -> None:
        """Fill in the message ``cls``; its place among nested messages follows from its name."""
        scope: Any = file.message_type
        for part in full_name(cls).removeprefix(f"{file.package}.").split("."):
            message = next((each for each in scope if each.name == part), None) or scope.add(name=part)
            scope = message.nested_type
        oneofs: dict[str, int] = {}
        fields = fields_of(cls)
        # The oneof that each optional scalar has for itself must come after the real ones.
        for field in sorted(fields, key=_is_proto3_optional):
            self._describe_field(message, field, oneofs)
        for name in oneofs:
            message.oneof_decl.add(name=name)

    def _describe_field(self, message: Any, field: Field, oneofs: dict[str, int]) -> None:
        # betterproto2 appends an underscore to names that Python reserves.
        name = field.name.rstrip("_")
        proto = message.field.add(name=name, number=field.number)
        many = field.repeated or field.key is not None
        proto.label = FieldProto.LABEL_REPEATED if many else FieldProto.LABEL_OPTIONAL
        if field.key is not None:
            entry = message.nested_type.add(name="".join(part.capitalize() for part in name.split("_")) + "Entry")
            entry.options.map_entry = True
            for number, (part, kind) in enumerate((("key", field.key), ("value", field.kind)), 1):
                self._set_type(entry.field.add(name=part, number=number, label=FieldProto.LABEL_OPTIONAL), kind)
            proto.type, proto.type_name = FieldProto.TYPE_MESSAGE, entry.name
            return
        self._set_type(proto, field.kind)
        oneof = f"_{name}" if _is_proto3_optional(field) else field.oneof
        if oneof is not None:
            proto.oneof_index = oneofs.setdefault(oneof, len(oneofs))
            proto.proto3_optional = _is_proto3_optional(field)

    def _set_type(self, proto: Any, kind: Kind) -> None:
        proto.type = getattr(FieldProto, f"TYPE_{kind.name.upper()}")
        if kind.wrapper is not None:
            proto.type_name = f".google.protobuf.{kind.wrapper}"
        elif kind.name == "enum":
            proto.type_name = f".{self._enum(kind.cls)}"
        elif kind.cls is not None:
            proto.type_name = f".{full_name(kind.cls)}"

    def _enum(self, cls: Any) -> str:
        """The name of an enum, each in a package of its own because value names must differ within one."""
        if cls.__name__ == "NullValue":
            return _NULL_VALUE
        package = f"{_ENUMS}.{package_of(cls)}.{cls.__name__}"
        name = f"{package}.Value"
        if name not in self._known:
            file = self._new_file(package)
            _describe_enum(file.enum_type.add(name="Value"), cls)
            self._pool.AddSerializedFile(file.SerializeToString())
            self._known.add(name)
        return name


def _describe_enum(proto: Any, cls: type[betterproto2.Enum]) -> None:
    seen: set[int] = set()
    for name, member in cls.__members__.items():
        alias = member.value in seen
        seen.add(member.value)
        proto.value.add(name=name if alias else member.proto_name or name, number=member.value)
        if alias:
            proto.options.allow_alias = True


def _is_proto3_optional(field: Field) -> bool:
    return field.presence and field.oneof is None and field.kind.name != "message"


def _top_level(cls: type) -> type:
    package = package_of(cls)
    top = full_name(cls).removeprefix(f"{package}.").partition(".")[0]
    return class_named(f"{package}.{top}")


def _nest(top: type) -> list[type]:
    """A top-level message and those nested in it, outer ones first."""
    return _nests(package_of(top))[top]


@cache
def _nests(package: str) -> dict[type, list[type]]:
    found: dict[type, list[type]] = defaultdict(list)
    by_name = {full_name(cls): cls for cls in classes_in(package)}
    for name in sorted(by_name):
        top = name.removeprefix(f"{package}.").partition(".")[0]
        found[by_name[f"{package}.{top}"]].append(by_name[name])
    return found


def _references_from(root: type, known: set[str]) -> dict[type, list[type]]:
    """Each top-level message reachable from ``root`` and not yet known, with those it refers to."""
    references: dict[type, list[type]] = {}
    waiting = [root]
    while waiting:
        top = waiting.pop()
        if top in references:
            continue
        found = {_top_level(cls) for member in _nest(top) for cls in _message_classes(member)}
        references[top] = sorted((cls for cls in found if full_name(cls) not in known), key=full_name)
        waiting.extend(references[top])
    return references


def _message_classes(cls: type) -> Iterator[type]:
    for field in fields_of(cls):
        kind = field.kind
        if kind.cls is not None and not issubclass(kind.cls, enum.Enum):
            yield kind.cls


def _components(root: type, references: dict[type, list[type]]) -> list[list[type]]:
    """The strongly connected components reachable from ``root``, each after those it refers to (Tarjan)."""
    order: dict[type, int] = {}
    lowest: dict[type, int] = {}
    stack: list[type] = []
    components: list[list[type]] = []

    def visit(cls: type) -> None:
        order[cls] = lowest[cls] = len(order)
        stack.append(cls)
        for referred in references[cls]:
            if referred not in order:
                visit(referred)
                lowest[cls] = min(lowest[cls], lowest[referred])
            elif referred in stack:
                lowest[cls] = min(lowest[cls], order[referred])
        if lowest[cls] == order[cls]:
            start = stack.index(cls)
            components.append(stack[start:])
            del stack[start:]

    visit(root)
    return components
