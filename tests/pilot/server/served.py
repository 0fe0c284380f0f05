"""A mesh whose answers a test chooses, and an observer that writes down what it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic

from citadel.identity import SpiffeId
from envoycodec.discovery import Node
from pilot.server.connection import Connection
from pilot.server.served_mesh import T
from pilot.server.status import Rejection
from pilot.xds.resources import SHORT_NAMES, EncodedResource, ResourceSet, ResourceSnapshot, TypeUrl


class SimpleMesh(Generic[T]):
    """Serves ``snapshot`` to everybody, and knows no identities. ``read`` makes a proxy of a node."""

    proves_identities = False

    def __init__(self, read: Callable[[Node], T], snapshot: ResourceSnapshot | None = None) -> None:
        self.read = read
        self.snapshot = snapshot

    def admit(self, node: Node, identity: SpiffeId | None) -> T:
        return self.read(node)

    def snapshot_of(self, proxy: T) -> ResourceSnapshot | None:
        return self.snapshot

    def secrets_of(self, proxy: T, identity: SpiffeId) -> ResourceSet | None:
        return None

    def empty_resource(self, type_url: TypeUrl, name: str) -> EncodedResource | None:
        return None

    def origins_of(self, rejection: Rejection) -> tuple[str, ...]:
        return tuple(map(str, rejection.origins))


def named_mesh(snapshot: ResourceSnapshot | None = None) -> SimpleMesh[str]:
    """Its proxies are the ids of their nodes."""
    return SimpleMesh(lambda node: node.id, snapshot)


class Notes(Generic[T]):
    """``told`` has a line for each event, with the id of the node: ``acked ID CDS``; ``rejections`` has all of them."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.rejections: list[Rejection] = []

    def connected(self, connection: Connection[T]) -> None:
        self.told.append(f"connected {connection.node.id}")

    def disconnected(self, connection: Connection[T]) -> None:
        self.told.append(f"disconnected {connection.node.id}")

    def acked(self, connection: Connection[T], type_url: TypeUrl) -> None:
        self.told.append(f"acked {connection.node.id} {SHORT_NAMES[type_url]}")

    def nacked(self, connection: Connection[T], type_url: TypeUrl, rejections: tuple[Rejection, ...]) -> None:
        self.told.append(f"nacked {connection.node.id} {SHORT_NAMES[type_url]}")
        self.rejections.extend(rejections)

    def health_reported(self, connection: Connection[T], *, healthy: bool) -> None:
        self.told.append(f"{'healthy' if healthy else 'unhealthy'} {connection.node.id}")
