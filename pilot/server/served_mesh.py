"""What a fleet of connected proxies asks of the mesh that it serves, and what it tells others of its proxies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, TypeVar

from citadel.identity import SpiffeId
from envoycodec.discovery import Node
from pilot.server.status import Rejection
from pilot.xds.resources import EncodedResource, ResourceSet, ResourceSnapshot, TypeUrl

if TYPE_CHECKING:
    from pilot.server.connection import Connection

T = TypeVar("T")
"""What a mesh makes of a node: a proxy."""


class IdentityError(Exception):
    """A node that is not its sender's to claim. The text is for the audit log, not for the sender."""


class ServedMesh(Protocol[T]):
    """What a fleet asks."""

    @property
    def proves_identities(self) -> bool:
        """Whether streams can prove who they are. Where none can, nobody is told that one has not."""
        ...

    def admit(self, node: Node, identity: SpiffeId | None) -> T:
        """The proxy that ``node`` describes, of the identity that its stream has proven (None: it has proven none).

        Raises ValueError, with a text for its owner, when it cannot be served, and IdentityError when it is another's.
        """
        ...

    def snapshot_of(self, proxy: T) -> ResourceSnapshot | None:
        """What ``proxy`` is to have: the same object for proxies that share all; None while nothing can be said."""
        ...

    def secrets_of(self, proxy: T, identity: SpiffeId) -> ResourceSet | None:
        """What ``proxy`` of a proven ``identity`` alone may have, None for one that has it elsewhere."""
        ...

    def empty_resource(self, type_url: TypeUrl, name: str) -> EncodedResource | None:
        """What stands in for a resource that does not exist; None leaves the client waiting for it."""
        ...

    def origins_of(self, rejection: Rejection) -> Iterable[str]:
        """Where the user wrote what may have caused ``rejection``, as ``file:line:column field``, likeliest first."""
        ...


class FleetObserver(Protocol[T]):
    """What a fleet tells. A proxy that comes back may be connected anew before its old stream is known to be gone."""

    def connected(self, connection: Connection[T]) -> None:
        """A stream has said who it is. What is raised here ends it."""
        ...

    def disconnected(self, connection: Connection[T]) -> None:
        """A stream that was told as connected is gone; said once."""
        ...

    def acked(self, connection: Connection[T], type_url: TypeUrl) -> None:
        """The proxy has accepted a response."""
        ...

    def nacked(self, connection: Connection[T], type_url: TypeUrl, rejections: tuple[Rejection, ...]) -> None:
        """The proxy has rejected a response, for ``rejections``. With the others of that response it may go on."""
        ...

    def health_reported(self, connection: Connection[T], *, healthy: bool) -> None:
        """The proxy says how its workload is."""
        ...
