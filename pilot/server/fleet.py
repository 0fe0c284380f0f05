"""All connected Envoys: what each one is told, and how a change reaches all of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from envoycodec.discovery import Node
from pilot.server.connection import MACHINES, Connection, Traffic
from pilot.xds.resources import ResourceSnapshot
from pilot.xds.stream import Fallback, no_fallback
from pilot.xds.wire import ResponseEncoder

P = TypeVar("P")

log = logging.getLogger(__name__)

_BURST = 16
"""Connections that are told of a new snapshot before requests get their turn."""


class Fleet(Generic[P]):
    """Connected proxies of type ``P``. Belongs to one event loop.

    ``read`` makes a proxy of an xDS node and raises ValueError, with a sentence for the user, for one that cannot be
    served. ``snapshot_of`` answers from the newest context, the same object for proxies that need the same, or None
    while there is none. ``connected`` and ``disconnected`` are told of every stream.
    """

    def __init__(
        self,
        *,
        read: Callable[[Node], P],
        snapshot_of: Callable[[P], ResourceSnapshot | None],
        connected: Callable[[Connection[P]], None] = lambda _: None,
        disconnected: Callable[[Connection[P]], None] = lambda _: None,
        fallback: Fallback = no_fallback,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._snapshot_of = snapshot_of
        self._connected = connected
        self._disconnected = disconnected
        self._fallback = fallback
        self._clock = clock
        self._connections: dict[Connection[P], None] = {}
        self._dirty = asyncio.Event()
        self.traffic = Traffic()
        self.encoder = ResponseEncoder()

    def __iter__(self) -> Iterator[Connection[P]]:
        return iter(tuple(self._connections))

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def now(self) -> float:
        return self._clock()

    def connect(self, node: Node, *, delta: bool) -> Connection[P]:
        """A stream opened. Raises ValueError for a node that cannot be served."""
        connection = Connection(
            node=node,
            proxy=self._read(node),
            machine=MACHINES[delta](self._fallback),
            encoder=self.encoder,
            traffic=self.traffic,
            since=self.now,
        )
        self._connections[connection] = None
        self._connected(connection)
        self._tell(connection)
        return connection

    def disconnect(self, connection: Connection[P]) -> None:
        """A stream closed."""
        if self._connections.pop(connection, connection) is None:
            self._disconnected(connection)

    def publish(self) -> None:
        """``snapshot_of`` has news. Several calls in a row become one push."""
        self._dirty.set()

    async def push_forever(self) -> None:
        """Tell every connection of the newest snapshot whenever there is one; runs until cancelled."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            for index, connection in enumerate(tuple(self._connections)):
                if connection in self._connections:
                    self._tell(connection)
                if index % _BURST == _BURST - 1:
                    await asyncio.sleep(0)  # requests before pushes

    def _tell(self, connection: Connection[P]) -> None:
        try:
            snapshot = self._snapshot_of(connection.proxy)
        except Exception:
            # A bug in translation must not end streams: this proxy goes on with what it has.
            log.exception("cannot generate for %s", connection.node.id)
            return
        if snapshot is not None:
            connection.publish(snapshot, self.now)
