"""Connected streams: what each is to be sent, and pushes that never queue.

A connection waits for a push at most once: it is given the newest snapshot when its turn comes. Between two
connections the event loop runs, so that a push to many does not hold up those who ask.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Generic

from citadel.identity import SpiffeId
from envoycodec.discovery import Node
from galley.failpoints import failpoint
from galley.supervision import Supervisor
from pilot.server.connection import Connection, Counters, FleetContext
from pilot.server.served_mesh import FleetObserver, IdentityError, ServedMesh, T
from pilot.server.status import FleetStatus, describe_fleet
from pilot.xds.resources import ResourceSet
from pilot.xds.variant import XdsVariant
from pilot.xds.wire import ResponseEncoder

log = logging.getLogger(__name__)


class Fleet(Generic[T]):
    """All connected proxies of ``mesh``; ``observer`` is told what happens to them, ``supervisor`` of snapshots that
    cannot be made. ``clock`` gives seconds since the epoch."""

    def __init__(
        self,
        mesh: ServedMesh[T],
        observer: FleetObserver[T],
        supervisor: Supervisor | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._supervisor = supervisor or Supervisor(clock=clock)
        self._without: dict[int, Connection[T]] = {}
        self._again: asyncio.TimerHandle | None = None
        self._context = FleetContext(mesh, observer, clock)
        self._mesh, self._observer = mesh, observer
        self._connections: dict[int, Connection[T]] = {}
        self._by_node: dict[str, dict[int, Connection[T]]] = {}
        self._waiting: dict[int, Connection[T]] = {}
        self._work = asyncio.Event()
        self._ready = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False

    @property
    def counters(self) -> Counters:
        """What was done for all connections since the start."""
        return self._context.counters

    @property
    def encoder(self) -> ResponseEncoder:
        """What writes the responses of all connections."""
        return self._context.encoder

    @property
    def is_ready(self) -> bool:
        """Whether there is anything to serve."""
        return self._ready.is_set()

    @property
    def connections(self) -> tuple[Connection[T], ...]:
        """The streams that are open, the oldest first."""
        return tuple(self._connections.values())

    def connections_of(self, node_id: str) -> tuple[Connection[T], ...]:
        """The streams that are open under this node id, the oldest first."""
        return tuple(self._by_node.get(node_id, {}).values())

    def status(self) -> FleetStatus:
        """Where every stream is, type by type."""
        return tuple(connection.status() for connection in self._connections.values())

    def describe(self, connections: Iterable[Connection[T]]) -> list[dict[str, Any]]:
        """Where these streams are, as JSON, with the origins in the user's files that may have caused a rejection."""
        found = tuple(connection.status() for connection in connections)
        return describe_fleet(found, now=self._context.clock(), origins=self._mesh.origins_of)

    @property
    def identities(self) -> frozenset[SpiffeId]:
        """Who is connected, by proven identity."""
        return frozenset(c.identity for c in self._connections.values() if c.identity is not None)

    def publish(self) -> None:
        """Snapshots have changed: give every connection its own when its turn comes."""
        self._ready.set()
        self._give_turns(self._connections.values())

    def publish_secrets(self, identities: Collection[SpiffeId]) -> None:
        """The secrets of these identities have changed."""
        self._give_turns([c for c in self._connections.values() if c.identity in identities])

    def _give_turns(self, connections: Collection[Connection[T]]) -> None:
        for connection in connections:
            self._waiting.setdefault(connection.number, connection)
        if self._waiting:
            self._idle.clear()
            self._work.set()

    async def wait_ready(self) -> None:
        """Wait for the first publication."""
        await self._ready.wait()

    async def wait_pushed(self) -> None:
        """Wait until no connection waits for a push. What was sent need not be answered."""
        await self._idle.wait()

    async def push_forever(self) -> None:
        """Give waiting connections their snapshots, one at a time; requests come in between."""
        while True:
            await self._work.wait()
            self._work.clear()
            for connection in self._turns():
                self._push(connection)
                await asyncio.sleep(0)
            self._idle.set()

    def open(
        self,
        node: Node,
        variant: XdsVariant,
        peer: str,
        identity: SpiffeId | None = None,
        **options: Any,
    ) -> Connection[T]:
        """A stream has said who it is and may have proven it. ``options`` are further ones of its Connection.

        ValueError when it cannot be served, IdentityError when its node is not its own.
        """
        self.counters.connections += 1
        number = self.counters.connections
        proxy = self._mesh.admit(node, identity)
        self._check_is_free(node, identity)
        connection = Connection(
            self._context, node, proxy, number=number, variant=variant, peer=peer, identity=identity, **options
        )
        self._connections[connection.number] = connection
        self._by_node.setdefault(node.id, {})[number] = connection
        log.info("%s connected from %s%s", connection, peer, self._about(identity))
        if identity is not None:
            self._end_pretenders(connection)
        try:
            self._observer.connected(connection)
        except Exception:
            self._forget(connection)
            raise
        if self._stopping:
            self._end(connection)
        self._push(connection)
        return connection

    def _about(self, identity: SpiffeId | None) -> str:
        if not self._mesh.proves_identities:
            return ""
        return f" as {identity}" if identity is not None else " without identity: it gets no mutual TLS"

    def close(self, connection: Connection[T]) -> None:
        """A stream is gone."""
        self._waiting.pop(connection.number, None)
        self._has_its_own(connection)
        if self._forget(connection):
            log.info("%s disconnected", connection)
            self._observer.disconnected(connection)

    def stop(self) -> None:
        """End every stream, so that proxies turn to another control plane, and any that comes later."""
        self._stopping = True
        for connection in self.connections:
            self._end(connection)

    def _check_is_free(self, node: Node, identity: SpiffeId | None) -> None:
        """A node id that somebody has proven to be is nobody else's while he is connected."""
        for holder in self._by_node.get(node.id, {}).values():
            if holder.identity is not None and holder.identity != identity:
                raise IdentityError(f"{identity or 'a stream without identity'} claims {node.id} of {holder.identity}")

    def _end_pretenders(self, owner: Connection[T]) -> None:
        """Streams that have claimed, without proof, the node id of ``owner``, who has proven it."""
        for holder in self._by_node[owner.node.id].values():
            if holder.identity is None:
                log.warning("%s of %s had been claimed without proof from %s", owner, owner.identity, holder.peer)
                holder.end("PERMISSION_DENIED", "not permitted")

    def _forget(self, connection: Connection[T]) -> bool:
        streams = self._by_node.get(connection.node.id, {})
        streams.pop(connection.number, None)
        if not streams:
            self._by_node.pop(connection.node.id, None)
        return self._connections.pop(connection.number, None) is not None

    def _end(self, connection: Connection[T]) -> None:
        connection.end("UNAVAILABLE", "the control plane is stopping")

    def _turns(self) -> Iterator[Connection[T]]:
        while self._waiting:
            yield self._waiting.pop(next(iter(self._waiting)))

    def secrets(self, connection: Connection[T]) -> ResourceSet | None:
        """What the stream's proven identity alone may hold."""
        if connection.identity is None:
            return None
        return self._mesh.secrets_of(connection.proxy, connection.identity)

    def _push(self, connection: Connection[T]) -> None:
        try:
            failpoint("generate")
            snapshot = self._mesh.snapshot_of(connection.proxy)
            if snapshot is not None:
                connection.publish(snapshot, self.secrets(connection))
        except Exception as error:
            # One proxy's snapshot must not keep the others from theirs. It goes on with what it has.
            self._is_without(connection, error)
        else:
            self._has_its_own(connection)

    def _is_without(self, connection: Connection[T], error: Exception) -> None:
        """``connection`` could not be given its snapshot: it has another turn later, with all in the same case."""
        self._without[connection.number] = connection
        if self._again is None:
            pause = self._supervisor.failed("generate", error)
            log.error("no snapshot for %s: it goes on with what it has", connection)
            self._again = asyncio.get_running_loop().call_later(pause, self._try_again)

    def _try_again(self) -> None:
        self._again = None
        self._give_turns(self._without.values())

    def _has_its_own(self, connection: Connection[T]) -> None:
        if self._without.pop(connection.number, None) is not None and not self._without:
            self._supervisor.went_well("generate")
