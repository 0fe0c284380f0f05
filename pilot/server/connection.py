"""One connected stream: what its proxy is to be sent, what it has acknowledged, and what it has rejected."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Generic

from citadel.identity import SpiffeId
from envoycodec.discovery import Node
from galley.text.wording import shortened
from pilot.pump import Outbox
from pilot.server.admission import StreamLimitError
from pilot.server.served_mesh import FleetObserver, ServedMesh, T
from pilot.server.status import ProxyStatus, Rejection, TypeProgress
from pilot.xds.events import Acked, DeltaRequested, EndStream, Nacked, Published, Requested, Respond
from pilot.xds.resources import HEALTH, SECRET, SHORT_NAMES, ResourceSet, ResourceSnapshot, TypeUrl
from pilot.xds.variant import XdsVariant
from pilot.xds.wire import ResponseEncoder

log = logging.getLogger(__name__)

_LONGEST_NAMES, _LONGEST_ERROR = 500, 2_000
"""Characters of the names and of the text of a rejection in its log line; Envoy itself cuts its text at 4096."""

_ORIGINS_LOGGED = 5
"""Origins in the user's files that the log line of a rejection names; ``pilot proxy-status`` has all of them."""


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
class FleetContext(Generic[T]):
    """What the connections of one fleet share. ``clock`` gives seconds since the epoch."""

    mesh: ServedMesh[T]
    observer: FleetObserver[T]
    clock: Callable[[], float]
    encoder: ResponseEncoder = field(default_factory=ResponseEncoder)
    counters: Counters = field(default_factory=Counters)


def _without_limit(names: int) -> None:
    """Nobody counts."""


class Connection(Generic[T]):
    """One stream of one proxy, that a pump keeps going.

    ``proxy`` is what the mesh made of its node, ``identity`` what the stream has proven (None on a port where nothing
    can be proven). ``hold`` is told of how many names it makes us remember, and raises
    StreamLimitError.
    """

    def __init__(
        self,
        context: FleetContext[T],
        node: Node,
        proxy: T,
        *,
        number: int,
        variant: XdsVariant,
        peer: str,
        identity: SpiffeId | None = None,
        hold: Callable[[int], None] = _without_limit,
    ) -> None:
        self._hold, self._held = hold, Counter[TypeUrl]()
        self.identity = identity
        self.number = number
        self.node = node
        self.proxy = proxy
        self.variant = variant
        self.peer = peer
        self.connected_at = context.clock()
        self.outbox = Outbox()
        self._context = context
        self._stream = variant.new_stream(context.mesh.empty_resource)
        self._progress: dict[TypeUrl, TypeProgress] = {}
        self._published: ResourceSnapshot | None = None
        self._secrets: ResourceSet | None = None

    def __repr__(self) -> str:
        return f"{shortened(self.node.id, 200)} ({self.variant}, connection {self.number})"

    def publish(self, snapshot: ResourceSnapshot, secrets: ResourceSet | None = None) -> None:
        """Offer the newest snapshot and secrets; the same objects again cost nothing."""
        if snapshot is not self._published or secrets is not self._secrets:
            self._published, self._secrets = snapshot, secrets
            counters = self._context.counters
            responses = counters.responses
            self.handle(Published(snapshot if secrets is None else snapshot.with_set(secrets)))
            counters.pushes += counters.responses > responses

    def handle(self, event: Requested | DeltaRequested | Published) -> None:
        """Take in an event and do what the stream asks for. A report of health is no part of the dialogue."""
        if not isinstance(event, Published) and event.type_url == HEALTH:
            log.info(
                "%s reports %s",
                self,
                "healthy" if event.error is None else f"unhealthy: {shortened(event.error, 200)!r}",
            )
            self._context.observer.health_reported(self, healthy=event.error is None)
            return
        for command in self._stream.handle(event):
            match command:
                case Respond():
                    self._respond(command)
                case Acked():
                    self._of(command.type_url).acked(command)
                    self._context.counters.acks += 1
                    self._context.observer.acked(self, command.type_url)
                case Nacked():
                    self._nacked(command)
                case EndStream(status, message):
                    self.end(status, message)
        if not isinstance(event, Published):
            self._count_names(event)

    def _count_names(self, event: Requested | DeltaRequested) -> None:
        """Bound what the client makes us remember: names of resources that there are not, for others are shared."""
        if event.names if isinstance(event, Requested) else event.subscribe:
            self._held[event.type_url] = self._stream.unknown_names(event.type_url)
            try:
                self._hold(self._held.total())
            except StreamLimitError as error:
                self.end("RESOURCE_EXHAUSTED", str(error))

    def end(self, status: str, message: str) -> None:
        """See `Outbox.end`."""
        self.outbox.end(status, message)

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
        if not self._context.mesh.proves_identities:
            return None
        return str(self.identity) if self.identity is not None else ""

    def _of(self, type_url: TypeUrl) -> TypeProgress:
        return self._progress.setdefault(type_url, TypeProgress())

    def _respond(self, response: Respond) -> None:
        context = self._context
        message = self.variant.encode_response(response, context.encoder)
        self.outbox.put(message)
        context.counters.responses += 1
        context.counters.bytes += len(message)
        if response.type_url in SHORT_NAMES:
            self._of(response.type_url).sent(response, context.clock())

    def _nacked(self, command: Nacked) -> None:
        if command.type_url == SECRET:
            # An Envoy may quote the message that it refuses, and this one holds a key.
            command = replace(command, error="the text of this rejection is withheld; see the log of the Envoy")
        rejections = self._of(command.type_url).nacked(command, self._context.clock())
        self._context.counters.nacks += 1
        kind = SHORT_NAMES.get(command.type_url, command.type_url)
        names = ", ".join(rejection.name for rejection in rejections)
        names, error = shortened(names, _LONGEST_NAMES), shortened(command.error.strip(), _LONGEST_ERROR)
        log.warning("%s rejected %s %s: %s%s", self, kind, names, error, self._origins(rejections))
        self._context.observer.nacked(self, command.type_url, rejections)

    def _origins(self, rejections: tuple[Rejection, ...]) -> str:
        """Where to look for their cause, for the end of a log line; little work, for a thousand proxies may reject a
        thousand resources at once."""
        looked_at = rejections[:_ORIGINS_LOGGED]
        found = list(dict.fromkeys(p for rejection in looked_at for p in self._context.mesh.origins_of(rejection)))
        if not found:
            return ""
        more = len(found) > _ORIGINS_LOGGED or len(rejections) > _ORIGINS_LOGGED
        return f" ({', '.join(found[:_ORIGINS_LOGGED])}{', …' if more else ''})"
