"""Dialogues with a stream, one line per turn: what the client or the control plane does, and what the stream answers.

Answers are written as ``CDS a=1 b=2`` (a response with its resources and their content), ``EDS -a`` (removed),
``ack CDS``, ``nack CDS a: text``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pilot.xds.delta import DeltaStream
from pilot.xds.events import Acked, Command, DeltaRequested, EndStream, Event, Nacked, Published, Requested, Respond
from pilot.xds.resources import (
    CLUSTER,
    ENDPOINT,
    LISTENER,
    ROUTE,
    SECRET,
    SHORT_NAMES,
    EncodedResource,
    ResourceSet,
    ResourceSnapshot,
    TypeUrl,
)
from pilot.xds.sotw import SotwStream
from pilot.xds.stream import Stream

Contents = Mapping[str, str]
NOTHING: Contents = {}
TYPES = {short: type_url for type_url, short in SHORT_NAMES.items()}


def resource(name: str, content: str) -> EncodedResource:
    """A resource whose version and bytes are its content."""
    return EncodedResource(name, content, content.encode())


def resources(type_url: TypeUrl, contents: Contents) -> ResourceSet:
    return ResourceSet(type_url, [resource(name, content) for name, content in contents.items()])


def snapshot(
    *,
    clusters: Contents = NOTHING,
    endpoints: Contents = NOTHING,
    listeners: Contents = NOTHING,
    routes: Contents = NOTHING,
    secrets: Contents = NOTHING,
) -> ResourceSnapshot:
    by_type = {CLUSTER: clusters, ENDPOINT: endpoints, LISTENER: listeners, ROUTE: routes, SECRET: secrets}
    return ResourceSnapshot(resources(type_url, contents) for type_url, contents in by_type.items())


def everything(**contents: str) -> ResourceSnapshot:
    """The same names and contents in every type."""
    return snapshot(clusters=contents, endpoints=contents, listeners=contents, routes=contents, secrets=contents)


FULL = snapshot(clusters={"a": "1"}, endpoints={"a": "1"}, listeners={"l": "1"}, routes={"r": "1"})


def empty_route(type_url: TypeUrl, name: str) -> EncodedResource | None:
    """A fallback for routes and endpoints, as the control plane gives one."""
    return resource(name, "empty") if type_url in (ROUTE, ENDPOINT) else None


def write(command: Command) -> str:
    """One command as a line."""
    match command:
        case Respond(type_url, _, _, found, removed):
            parts = [f"{r.name}={r.any.decode()}" for r in found] + [f"-{name}" for name in removed]
            return " ".join([SHORT_NAMES.get(type_url, type_url), *parts])
        case Acked(type_url):
            return f"ack {SHORT_NAMES.get(type_url, type_url)}"
        case Nacked(type_url, _, error, failing):
            return f"nack {SHORT_NAMES[type_url]} {' '.join(r.name for r in failing)}: {error}"
        case EndStream(status):
            return f"abort {status}"


class Dialogue:
    """Plays events on a stream and remembers the last nonce of each type, as a client does."""

    stream: Stream

    def __init__(self) -> None:
        self.nonces: dict[str, str] = {}
        self.versions: dict[str, str] = {}
        self.last: list[Command] = []

    def play(self, event: Event) -> list[str]:
        self.last = list(self.stream.handle(event))
        for command in self.last:
            if isinstance(command, Respond):
                short = SHORT_NAMES.get(command.type_url, command.type_url)
                self.nonces[short] = command.nonce
                self.versions[short] = command.version
        return [write(command) for command in self.last]

    def publish(self, published: ResourceSnapshot) -> list[str]:
        return self.play(Published(published))


class SotwDialogue(Dialogue):
    """A state-of-the-world client. ``asks`` uses the nonce of the last response unless another is given."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = SotwStream(empty_route)

    def asks(
        self, short: str, *names: str, nonce: str | None = None, version: str = "", error: str | None = None
    ) -> list[str]:
        nonce = self.nonces.get(short, "") if nonce is None else nonce
        return self.play(Requested(TYPES[short], names, nonce, version, error))


class DeltaDialogue(Dialogue):
    """An incremental client. ``asks`` changes a subscription, ``acks`` answers the last response."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = DeltaStream(empty_route)

    def asks(
        self, short: str, *names: str, drop: Iterable[str] = (), nonce: str = "", holds: Contents = NOTHING
    ) -> list[str]:
        return self.play(DeltaRequested(TYPES[short], names, tuple(drop), nonce, holds))

    def acks(self, short: str, *names: str, error: str | None = None) -> list[str]:
        return self.play(DeltaRequested(TYPES[short], names, (), self.nonces[short], {}, error))


def synced_sotw(published: ResourceSnapshot = FULL) -> SotwDialogue:
    """A client that holds all of ``published`` and has acknowledged it."""
    client = SotwDialogue()
    client.publish(published)
    for short, names in {"CDS": (), "EDS": ("a",), "LDS": (), "RDS": ("r",)}.items():
        client.asks(short, *names)
        client.asks(short, *names)
    assert client.stream.is_settled
    return client
