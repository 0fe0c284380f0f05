"""Connected streams: what each is to be sent, what it acknowledged, and pushes that never queue.

A connection waits for a push at most once: it is given the newest snapshot when its turn comes. Between two
connections the event loop runs, so that a push to many does not hold up those who ask.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from citadel.identity import SpiffeId
from envoycodec.discovery import Node
from pilot.server.status import FleetStatus, ProxyStatus, Rejection, TypeProgress
from pilot.xds.events import Acked, DeltaRequested, EndStream, Nacked, Published, Requested, Respond
from pilot.xds.resources import HEALTH, SECRET, SHORT_NAMES, ResourceSet, ResourceSnapshot, TypeUrl
from pilot.xds.stream import Fallback, no_fallback
from pilot.xds.variant import XdsVariant
from pilot.xds.wire import ResponseEncoder

log = logging.getLogger(__name__)
T = TypeVar("T")


class IdentityError(Exception):
    """A node that is not its sender's to claim. The text is for the audit log, not for the sender."""


@dataclass(slots=True)
class Counters:
    """What was done since the start.

    ``pushes`` are snapshots given to a connection that led to a response. ``refused`` are streams that were too many,
    by the limit that they met.
    """

    pushes: int = 0
    responses: int = 0
    bytes: int = 0
    acks: int = 0
    nacks: int = 0
    connections: int = 0
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a stream ends: the name of a ``grpc.StatusCode`` and a message."""

    status: str
    message: str


class Connection(Generic[T]):
    """One stream of one proxy. ``proxy`` is what the fleet made of its node, ``identity`` what the stream has proven
    (None on a port where nothing can be proven).
    """

    def __init__(
        self,
        fleet: Fleet[T],
        node: Node,
        proxy: T,
        *,
        number: int,
        variant: XdsVariant,
        peer: str,
        identity: SpiffeId | None = None,
    ) -> None:
        self.identity = identity
        self.number = number
        self.node = node
        self.proxy = proxy
        self.variant = variant
        self.peer = peer
        self.connected_at = fleet.clock()
        self.ending: Ending | None = None
        self.wake = asyncio.Event()
        self.outbox: deque[bytes] = deque()
        """Responses to write: never more than one per type, for the next waits until this one is answered."""
        self._fleet = fleet
        self._stream = variant.new_stream(fleet.fallback)
        self._progress: dict[TypeUrl, TypeProgress] = {}
        self._published: ResourceSnapshot | None = None
        self._secrets: ResourceSet | None = None

    def __repr__(self) -> str:
        return f"{self.node.id} ({self.variant}, connection {self.number})"

    def publish(self, snapshot: ResourceSnapshot, secrets: ResourceSet | None = None) -> None:
        """Offer the newest snapshot and secrets; the same objects again cost nothing."""
        if snapshot is not self._published or secrets is not self._secrets:
            self._published, self._secrets = snapshot, secrets
            responses = self._fleet.counters.responses
            self.handle(Published(snapshot if secrets is None else snapshot.with_set(secrets)))
            self._fleet.counters.pushes += self._fleet.counters.responses > responses

    def handle(self, event: Requested | DeltaRequested | Published) -> None:
        """Take in an event and do what the stream asks for. A report of health is no part of the dialogue."""
        if not isinstance(event, Published) and event.type_url == HEALTH:
            log.info("%s reports %s", self, "healthy" if event.error is None else f"unhealthy: {event.error[:200]!r}")
            self._fleet.on_health(self, event.error is None)
            return
        for command in self._stream.handle(event):
            match command:
                case Respond():
                    self._respond(command)
                case Acked():
                    self._of(command.type_url).acked(command)
                    self._fleet.counters.acks += 1
                    self._fleet.on_answer(self, command.type_url)
                case Nacked():
                    self._reject(command)
                case EndStream(status, message):
                    self.end(status, message)

    def end(self, status: str, message: str) -> None:
        """Close the stream once what is in the outbox is written. The first reason stands."""
        self.ending = self.ending or Ending(status, message)
        self.wake.set()

    def acked_version(self, type_url: TypeUrl, name: str) -> str | None:
        """See `Stream.acked_version`."""
        return self._stream.acked_version(type_url, name)

    def status(self) -> ProxyStatus:
        """Where the proxy is, type by type."""
        types = {t: progress.status(self._stream.nacked_versions(t)) for t, progress in self._progress.items()}
        return ProxyStatus(
            self.number, self.node, self.peer, self.variant.value, self.connected_at, types, self._identity_status()
        )

    def _identity_status(self) -> str | None:
        if self._fleet.secrets_of is None:
            return None
        return str(self.identity) if self.identity is not None else ""

    def _of(self, type_url: TypeUrl) -> TypeProgress:
        return self._progress.setdefault(type_url, TypeProgress())

    def _respond(self, response: Respond) -> None:
        counters = self._fleet.counters
        message = self.variant.encode_response(response, self._fleet.encoder)
        self.outbox.append(message)
        self.wake.set()
        counters.responses += 1
        counters.bytes += len(message)
        self._of(response.type_url).sent(response, self._fleet.clock())

    def _reject(self, command: Nacked) -> None:
        if command.type_url == SECRET:
            # An Envoy may quote the message that it refuses, and this one holds a key.
            command = replace(command, error="the text of this rejection is withheld; see the log of the Envoy")
        refused = self._of(command.type_url).nacked(command, self._fleet.clock())
        self._fleet.counters.nacks += 1
        kind = SHORT_NAMES.get(command.type_url, command.type_url)
        names = ", ".join(rejection.name for rejection in refused)
        log.warning("%s rejected %s %s: %s", self, kind, names, command.error.strip())
        self._fleet.on_rejection(self, refused)
        self._fleet.on_answer(self, command.type_url)


class Fleet(Generic[T]):
    """All connected proxies.

    ``read_node`` makes a proxy of a node and raises ValueError, with a text for its owner, when it cannot be served.
    ``snapshot_of`` gives what a proxy is to hold, the same object for proxies that share all, or None while nothing
    can be said of it. ``on_answer`` is told of every type that a proxy has accepted or rejected. ``on_connect`` and
    ``on_disconnect`` are called with the connection, ``on_health`` also with what it reports of its workload; a proxy
    that comes back may be connected anew before its old stream is known to be gone.

    ``bind`` makes the proxy one of the identity that its stream has proven (None: it has proven none), and raises
    IdentityError when it is another's. ``secrets_of`` gives what a proxy of a proven identity alone may hold, None for
    one that has it elsewhere; a stream without identity never gets any.
    """

    def __init__(
        self,
        *,
        read_node: Callable[[Node], T],
        snapshot_of: Callable[[T], ResourceSnapshot | None],
        on_connect: Callable[[Connection[T]], None] = lambda connection: None,
        on_disconnect: Callable[[Connection[T]], None] = lambda connection: None,
        on_answer: Callable[[Connection[T], TypeUrl], None] = lambda connection, type_url: None,
        on_rejection: Callable[[Connection[T], tuple[Rejection, ...]], None] = lambda connection, rejections: None,
        on_health: Callable[[Connection[T], bool], None] = lambda connection, healthy: None,
        bind: Callable[[T, SpiffeId | None], T] = lambda proxy, identity: proxy,
        secrets_of: Callable[[T, SpiffeId], ResourceSet | None] | None = None,
        fallback: Fallback = no_fallback,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.fallback = fallback
        self.clock = clock
        self.on_answer = on_answer
        self.on_rejection = on_rejection
        self.on_health = on_health
        self.counters = Counters()
        self.encoder = ResponseEncoder()
        self.secrets_of = secrets_of
        self._read_node = read_node
        self._bind = bind
        self._snapshot_of = snapshot_of
        self._on_connect = on_connect
        self._on_disconnect = on_disconnect
        self._connections: dict[int, Connection[T]] = {}
        self._by_node: dict[str, dict[int, Connection[T]]] = {}
        self._waiting: dict[int, Connection[T]] = {}
        self._work = asyncio.Event()
        self._ready = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False

    @property
    def is_ready(self) -> bool:
        """Whether there is anything to serve."""
        return self._ready.is_set()

    @property
    def connections(self) -> tuple[Connection[T], ...]:
        return tuple(self._connections.values())

    def status(self) -> FleetStatus:
        return tuple(connection.status() for connection in self._connections.values())

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

    def open(self, node: Node, variant: XdsVariant, peer: str, identity: SpiffeId | None = None) -> Connection[T]:
        """A stream has said who it is and may have proven it.

        ValueError when it cannot be served, IdentityError when its node is not its own.
        """
        self.counters.connections += 1
        number = self.counters.connections
        proxy = self._bind(self._read_node(node), identity)
        self._check_is_free(node, identity)
        connection = Connection(self, node, proxy, number=number, variant=variant, peer=peer, identity=identity)
        self._connections[connection.number] = connection
        self._by_node.setdefault(node.id, {})[number] = connection
        log.info("%s connected from %s%s", connection, peer, self._about(identity))
        if identity is not None:
            self._end_pretenders(connection)
        try:
            self._on_connect(connection)
        except Exception:
            self._forget(connection)
            raise
        if self._stopping:
            self._end(connection)
        self._push(connection)
        return connection

    def _about(self, identity: SpiffeId | None) -> str:
        if self.secrets_of is None:
            return ""
        return f" as {identity}" if identity is not None else " without identity: it gets no mutual TLS"

    def close(self, connection: Connection[T]) -> None:
        """A stream is gone."""
        self._waiting.pop(connection.number, None)
        if self._forget(connection):
            log.info("%s disconnected", connection)
            self._on_disconnect(connection)

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
        if self.secrets_of is None or connection.identity is None:
            return None
        return self.secrets_of(connection.proxy, connection.identity)

    def _push(self, connection: Connection[T]) -> None:
        try:
            snapshot = self._snapshot_of(connection.proxy)
            if snapshot is not None:
                connection.publish(snapshot, self.secrets(connection))
        except Exception:
            # One proxy's snapshot must not keep the others from theirs. It goes on with what it has.
            log.exception("no snapshot for %s", connection)
