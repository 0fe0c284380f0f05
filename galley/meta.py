"""Values that every kind shares: where a resource came from, what it is called, and labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from galley.frozen import FrozenMap, frozen
from galley.text.diagnostics import Origin
from galley.text.nodes import Node
from galley.text.recorder import Recorder

T = TypeVar("T")

Labels = FrozenMap[str, str]
NO_LABELS: Labels = FrozenMap()


@frozen
class ResourceKey:
    """The identity of a resource: kind, namespace and name. Stable while lines move, so plans carry it as origin."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Resource(Generic[T]):
    """One accepted document: its identity, metadata and typed spec.

    Compared by identity: an unchanged file keeps its ``Resource`` objects from snapshot to snapshot, so
    ``is`` tells what changed. ``created`` is ``metadata.creationTimestamp`` as RFC 3339 text, or "" when absent.
    ``tree`` is the composed YAML document, from which a field path is turned into a line.
    """

    key: ResourceKey
    spec: T
    origin: Origin
    labels: Labels = NO_LABELS
    annotations: Labels = NO_LABELS
    created: str = ""
    tree: Node | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """``metadata.name``."""
        return self.key.name

    @property
    def namespace(self) -> str:
        """``metadata.namespace``; "" for kinds that belong to the whole mesh."""
        return self.key.namespace

    @property
    def age(self) -> tuple[bool, str, str, str]:
        """Sort key "older first": creationTimestamp, then name, then namespace (Istio's tie-break).

        Resources without a timestamp count as younger than any with one.
        """
        return (not self.created, self.created, self.key.name, self.key.namespace)


def recorder_of(resource: Resource[Any]) -> Recorder:
    """A recorder of what is wrong with an accepted resource, at the lines where its fields are written."""
    return Recorder(resource.origin, resource.tree)


def origin_at(resource: Resource[Any], field: str) -> Origin:
    """Where ``field`` of an accepted resource is written, or would be: the position of its nearest ancestor."""
    return recorder_of(resource).origin_of(field)
