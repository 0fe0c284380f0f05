"""One connected Envoy: its stream machine, what it was sent, what it said, and what waits to be written to it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

from envoycodec.discovery import Node
from pilot.xds.delta import DeltaStream
from pilot.xds.events import Abort, Acked, Command, Event, Nacked, Published, Respond
from pilot.xds.resources import ResourceSnapshot, TypeUrl
from pilot.xds.sotw import SotwStream
from pilot.xds.stream import Stream
from pilot.xds.wire import ResponseEncoder

P = TypeVar("P")


class SyncState(StrEnum):
    """How far a proxy is, per type (as ``istioctl proxy-status`` says it; NACK is its ERROR)."""

    NOT_SENT = "NOT SENT"
    STALE = "STALE"
    SYNCED = "SYNCED"
    NACK = "NACK"


@dataclass(frozen=True, slots=True)
class Rejection:
    """What an Envoy said no to. ``resources`` are those its text names, ``origins`` what these were made from."""

    version: str
    message: str
    resources: tuple[str, ...]
    origins: tuple[Hashable, ...]
    time: float


@dataclass(slots=True)
class TypeStatus:
    """What is known of one type on one stream. Times are seconds of the fleet's clock."""

    sent_version: str = ""
    acked_version: str = ""
    sent_at: float = 0.0
    acked_at: float = 0.0
    rejection: Rejection | None = None

    @property
    def state(self) -> SyncState:
        if self.rejection is not None:
            return SyncState.NACK
        if not self.sent_version and not self.acked_version:
            return SyncState.NOT_SENT
        return SyncState.SYNCED if self.sent_version == self.acked_version else SyncState.STALE


@dataclass(frozen=True, slots=True)
class Closing:
    """The stream has to end with this gRPC status."""

    status: str
    message: str


@dataclass(slots=True)
class Traffic:
    """Counters of a fleet, since the start."""

    pushes: int = 0
    responses: int = 0
    bytes: int = 0
    acks: int = 0
    nacks: int = 0


@dataclass(eq=False)
class Connection(Generic[P]):
    """A stream and its proxy. ``outbox`` is short by construction: the machine has one response in flight per type."""

    node: Node
    proxy: P
    machine: Stream
    encoder: ResponseEncoder
    traffic: Traffic
    since: float
    types: dict[TypeUrl, TypeStatus] = field(default_factory=dict)
    snapshot: ResourceSnapshot | None = None
    closing: Closing | None = None
    _outbox: deque[bytes] = field(default_factory=deque)
    _has_output: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_delta(self) -> bool:
        return isinstance(self.machine, DeltaStream)

    def handle(self, event: Event, now: float) -> None:
        """Let the machine answer ``event``; what it wants written waits in the outbox."""
        for command in self.machine.handle(event):
            self._obey(command, now)

    def publish(self, snapshot: ResourceSnapshot, now: float) -> None:
        """There is a new snapshot for this proxy; the same object as before costs nothing."""
        if snapshot is not self.snapshot:
            self.snapshot = snapshot
            self.traffic.pushes += 1
            self.handle(Published(snapshot), now)

    async def output(self) -> bytes | None:
        """The next response to write; None when the stream has to close."""
        while not self._outbox:
            if self.closing is not None:
                return None
            self._has_output.clear()
            await self._has_output.wait()
        return self._outbox.popleft()

    def close(self, status: str, message: str) -> None:
        """End the stream with a gRPC status, once everything in the outbox is written; the first reason counts."""
        if self.closing is None:
            self.closing = Closing(status, message)
        self._has_output.set()

    def _obey(self, command: Command, now: float) -> None:
        match command:
            case Respond():
                self._send(command, now)
            case Acked():
                self.traffic.acks += 1
                self._acked(command, now)
            case Nacked():
                self.traffic.nacks += 1
                self._nacked(command, now)
            case Abort(status=status, message=message):
                self.close(status, message)

    def _send(self, response: Respond, now: float) -> None:
        encode = self.encoder.encode_delta if self.is_delta else self.encoder.encode_sotw
        data = encode(response)
        self.traffic.responses += 1
        self.traffic.bytes += len(data)
        status = self.types.setdefault(response.type_url, TypeStatus())
        status.sent_version, status.sent_at = response.version, now
        self._outbox.append(data)
        self._has_output.set()

    def _acked(self, ack: Acked, now: float) -> None:
        status = self.types.setdefault(ack.type_url, TypeStatus())
        status.acked_version, status.acked_at = ack.version, now
        status.sent_version = status.sent_version or ack.version
        if status.rejection is not None and _settles(ack, status.rejection):
            status.rejection = None

    def _nacked(self, nack: Nacked, now: float) -> None:
        status = self.types.setdefault(nack.type_url, TypeStatus())
        status.rejection = Rejection(
            version=nack.response.version,
            message=nack.error,
            resources=tuple(resource.name for resource in nack.failing),
            origins=tuple(dict.fromkeys(origin for resource in nack.failing for origin in resource.origins)),
            time=now,
        )


def _settles(ack: Acked, rejection: Rejection) -> bool:
    """Whether what was rejected has been accepted in another version, or is gone: it is not sent again as it was."""
    if ack.response is None:
        return False
    named = set(rejection.resources)
    return not named or bool(named & (ack.response.resources.name_set | set(ack.response.removed)))


MACHINES: Mapping[bool, type[Stream]] = {True: DeltaStream, False: SotwStream}
"""The machine of a stream, by whether it is incremental."""
