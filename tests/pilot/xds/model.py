"""A model of Envoy's side of a stream: what it asks for, when it warms, and what it makes of each response.

The content of a listener is ``ROUTE/VERSION``, of a route ``CLUSTER/VERSION``; content with ``bad`` is rejected.
"""

from __future__ import annotations

from collections import deque

from pilot.xds.delta import DeltaStream
from pilot.xds.events import Command, DeltaRequested, Event, Nacked, Published, Requested, Respond
from pilot.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, ResourceSnapshot, TypeUrl
from pilot.xds.sotw import SotwStream
from pilot.xds.stream import Stream
from tests.pilot.xds.dialogue import empty_route

ORDER = (CLUSTER, ENDPOINT, LISTENER, ROUTE)


class ModelEnvoy:
    """What Envoy holds, by type, and the two queues between it and a stream."""

    nameless = False
    """Whether it refuses a response whole and without saying for which resource, as for a broken constraint."""

    def __init__(self) -> None:
        self.held: dict[TypeUrl, dict[str, str]] = {type_url: {} for type_url in ORDER}
        self.warming: set[str] = set()
        self.active: set[str] = set()
        self.broken: list[str] = []
        self.received = 0
        self.nacks: list[Nacked] = []
        self.asked: dict[TypeUrl, tuple[str, ...]] = {}
        self.in_flight: dict[TypeUrl, str] = {}
        self.to_envoy: deque[Respond] = deque()
        self.to_stream: deque[Requested | DeltaRequested] = deque()
        self.stream: Stream = self.new_stream()
        self.published: ResourceSnapshot | None = None

    def new_stream(self) -> Stream:
        raise NotImplementedError

    def ask(self, type_url: TypeUrl, names: tuple[str, ...]) -> None:
        """Say which names of a type are wanted, other than in answer to a response."""
        raise NotImplementedError

    def answer(self, response: Respond, error: str | None) -> None:
        raise NotImplementedError

    def connect(self) -> None:
        """Open a stream, the first or another: queues are lost, subscriptions and resources are kept."""
        self.to_envoy.clear()
        self.to_stream.clear()
        self.in_flight.clear()
        self.stream = self.new_stream()
        self.forget_stream()
        if self.published is not None:
            self.handle(Published(self.published))
        asked, self.asked = self.asked or {CLUSTER: ()}, {}
        for type_url in ORDER:
            if type_url in asked:
                self.ask(type_url, asked[type_url])

    def forget_stream(self) -> None:
        raise NotImplementedError

    def publish(self, snapshot: ResourceSnapshot) -> None:
        self.published = snapshot
        self.handle(Published(snapshot))

    def handle(self, event: Event) -> None:
        if not isinstance(event, Published) and self.in_flight.get(event.type_url) == event.nonce:
            self.in_flight.pop(event.type_url, None)
        for command in self.stream.handle(event):
            self.take(command)

    def take(self, command: Command) -> None:
        if isinstance(command, Respond):
            assert command.type_url not in self.in_flight, "two responses in flight"
            self.in_flight[command.type_url] = command.nonce
            self.to_envoy.append(command)
        elif isinstance(command, Nacked):
            self.nacks.append(command)

    def deliver_request(self) -> None:
        if self.to_stream:
            self.handle(self.to_stream.popleft())

    def deliver_response(self) -> None:
        if self.to_envoy:
            response = self.to_envoy.popleft()
            self.received += 1
            names = list(response.resources.names())
            assert len(names) == len(set(names)), "duplicate names"
            assert all(r.any for r in response.resources), "a resource without its bytes"
            self.apply(response)
            self.check()

    def drain(self) -> None:
        while self.to_envoy or self.to_stream:
            self.deliver_response()
            self.deliver_request()

    def apply(self, response: Respond) -> None:
        contents = {r.name: r.any.decode() for r in response.resources}
        bad = [name for name, content in contents.items() if "bad" in content]
        if bad and self.nameless:
            self.answer(response, "constraint validation failed")
            return
        good = {name: content for name, content in contents.items() if name not in bad}
        type_url, held = response.type_url, self.held[response.type_url]
        gone = [n for n in held if self.is_removed(response, n) and n not in bad]
        if type_url == CLUSTER:
            self.apply_clusters(good, gone)
        elif type_url == LISTENER:
            self.apply_named(LISTENER, good, gone)
            self.want(ROUTE, sorted({content.split("/")[0] for content in held.values()}))
        elif not bad:
            wanted = {name: content for name, content in good.items() if name in self.asked.get(type_url, ())}
            self.apply_named(type_url, wanted, [])
            if type_url == ENDPOINT:
                self.warming -= wanted.keys()
                self.active |= wanted.keys()
        self.answer(response, f"{', '.join(bad)}: is bad" if bad else None)
        if not self.warming and self.held[CLUSTER].keys() <= self.active and LISTENER not in self.asked:
            self.ask(LISTENER, ())

    def is_removed(self, response: Respond, name: str) -> bool:
        raise NotImplementedError

    def apply_clusters(self, good: dict[str, str], gone: list[str]) -> None:
        held = self.held[CLUSTER]
        changed = {name for name, content in good.items() if held.get(name) != content}
        self.apply_named(CLUSTER, good, gone)
        self.warming = (self.warming | changed) - set(gone)
        self.active -= set(gone)
        self.want(ENDPOINT, sorted(held), again=bool(changed))

    def apply_named(self, type_url: TypeUrl, good: dict[str, str], gone: list[str]) -> None:
        self.held[type_url].update(good)
        for name in gone:
            del self.held[type_url][name]

    def want(self, type_url: TypeUrl, names: list[str], again: bool = False) -> None:
        """Ask when the names differ; state-of-the-world Envoys also when a user of the same name is new."""
        before = self.asked.get(type_url)
        for name in list(self.held[type_url]):
            if name not in names:
                del self.held[type_url][name]
        if (names or before) and (tuple(names) != before or (again and self.asks_again())):
            self.ask(type_url, tuple(names))

    def asks_again(self) -> bool:
        raise NotImplementedError

    def check(self) -> None:
        """Make before break: every route names a cluster that is there and has had its endpoints."""
        for name, content in self.held[ROUTE].items():
            cluster = content.split("/")[0]
            if content != "empty" and cluster not in self.active:
                self.broken.append(f"{name} -> {cluster}")


class SotwEnvoy(ModelEnvoy):
    """An Envoy with ``api_type: GRPC``."""

    def __init__(self) -> None:
        self.nonces: dict[TypeUrl, str] = {}
        self.versions: dict[TypeUrl, str] = {}
        super().__init__()

    def new_stream(self) -> Stream:
        return SotwStream(empty_route)

    def forget_stream(self) -> None:
        self.nonces.clear()

    def asks_again(self) -> bool:
        return True

    def ask(self, type_url: TypeUrl, names: tuple[str, ...]) -> None:
        self.asked[type_url] = names
        self._send(type_url, None)

    def answer(self, response: Respond, error: str | None) -> None:
        self.nonces[response.type_url] = response.nonce
        if error is None:
            self.versions[response.type_url] = response.version
        self._send(response.type_url, error)

    def is_removed(self, response: Respond, name: str) -> bool:
        return response.type_url in (CLUSTER, LISTENER) and name not in response.resources

    def _send(self, type_url: TypeUrl, error: str | None) -> None:
        nonce, version = self.nonces.get(type_url, ""), self.versions.get(type_url, "")
        self.to_stream.append(Requested(type_url, self.asked[type_url], nonce, version, error))


class DeltaEnvoy(ModelEnvoy):
    """An Envoy with ``api_type: DELTA_GRPC``."""

    def __init__(self) -> None:
        self.versions: dict[TypeUrl, dict[str, str]] = {type_url: {} for type_url in ORDER}
        super().__init__()

    def new_stream(self) -> Stream:
        return DeltaStream(empty_route)

    def forget_stream(self) -> None:
        pass

    def asks_again(self) -> bool:
        return False

    def ask(self, type_url: TypeUrl, names: tuple[str, ...]) -> None:
        first, before = type_url not in self.asked, self.asked.get(type_url, ())
        self.asked[type_url] = names
        added = tuple(name for name in names if name not in before)
        dropped = tuple(name for name in before if name not in names)
        for name in dropped:
            self.versions[type_url].pop(name, None)
        kept = dict(self.versions[type_url]) if first else {}
        self.to_stream.append(DeltaRequested(type_url, added, dropped, "", kept))

    def answer(self, response: Respond, error: str | None) -> None:
        if error is None:
            versions = self.versions[response.type_url]
            versions.update((r.name, r.version) for r in response.resources)
            for name in response.removed:
                versions.pop(name, None)
        self.to_stream.append(DeltaRequested(response.type_url, (), (), response.nonce, {}, error))

    def is_removed(self, response: Respond, name: str) -> bool:
        return response.type_url in (CLUSTER, LISTENER) and name in response.removed
