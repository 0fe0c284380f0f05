"""Simulated Envoys: processes full of xDS clients that speak real ADS and acknowledge everything they get.

Times are CLOCK_MONOTONIC, which all processes of a host share.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from bench.configuration import ROUTE_NAMES, Workload
from bench.http2 import StreamConnection
from bench.messages import Delta, Response, Sotw, Variant, node_of, read_response
from pilot.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, TypeUrl

ORDER = (CLUSTER, ENDPOINT, LISTENER, ROUTE)
"""What an Envoy asks for at its start, each when it has the one before; one that returns asks for all at once."""

QUIET_SECONDS = 0.3
"""A round is over when every client has what it waits for and none has heard anything for so long."""

_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class Holding:
    """What a client has of one type. The same object for all clients that hold the same."""

    version: str
    resources: Mapping[str, str]
    outbound: tuple[str, ...]
    """Of clusters: those whose endpoints are asked for by EDS."""


@dataclass
class Book:
    """What the clients of a process share, so that each thing is read once: a version says all that is held."""

    variant: Variant
    holdings: dict[tuple[TypeUrl, str], Holding] = field(default_factory=dict)
    requests: dict[tuple[TypeUrl, str, tuple[str, ...]], bytes] = field(default_factory=dict)

    def hold(self, response: Response, before: Holding | None) -> Holding:
        key = (response.type_url, response.version)
        if key not in self.holdings:
            resources = dict(before.resources) if before else {}
            resources |= self.variant.read_resources(response)
            for name in response.removed:
                resources.pop(name, None)
            outbound = tuple(name for name in resources if name.startswith("outbound|"))
            self.holdings[key] = Holding(response.version, resources, outbound)
        return self.holdings[key]

    def first(self, type_url: TypeUrl, names: tuple[str, ...], held: Holding | None) -> bytes:
        """The first request of a client that holds ``held``."""
        version, resources = (held.version, held.resources) if held else ("", _NOTHING)
        key = (type_url, version, names)
        if key not in self.requests:
            self.requests[key] = self.variant.first(type_url, names, version, resources)
        return self.requests[key]


@dataclass
class Totals:
    """What the clients of one process saw in one round."""

    first_ack: float = 0.0
    last_ack: float = 0.0
    responses: int = 0
    received: int = 0
    sent: int = 0
    cpu: float = 0.0
    sample: list[tuple[TypeUrl, bytes]] = field(default_factory=list)
    """The responses to the first client, whole."""


class Client:
    """One simulated Envoy. What it holds survives its connections."""

    def __init__(self, workload: Workload, book: Book, *, registering: bool) -> None:
        self._node = node_of(workload, registering=registering)
        self._book = book
        self._held: dict[TypeUrl, Holding] = {}
        self._asked: set[TypeUrl] = set()
        self._connection: StreamConnection | None = None
        self.awaited: set[TypeUrl] = set()
        self.totals = Totals()
        self.sampled = False
        self.on_complete: Callable[[], None] = lambda: None

    async def connect(self, host: str, port: int) -> None:
        """Connect and ask: for all types that it holds something of, else for clusters."""
        loop = asyncio.get_running_loop()
        _, self._connection = await loop.create_connection(
            lambda: StreamConnection(self._book.variant.method, f"{host}:{port}", self._received, self._ended),
            host,
            port,
        )
        self._asked.clear()
        for type_url in self._held or (CLUSTER,):
            self._ask(type_url)

    def disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _ended(self) -> None:
        if self._connection is not None:
            raise ConnectionError("the server ended a stream")

    def _ask(self, type_url: TypeUrl) -> None:
        request = self._book.first(type_url, self._names(type_url), self._held.get(type_url))
        self._send(request if self._asked else self._book.variant.signed(request, self._node))
        self._asked.add(type_url)

    def _names(self, type_url: TypeUrl) -> tuple[str, ...]:
        """Clusters and listeners are asked for as a whole, the others by name."""
        if type_url == ROUTE:
            return ROUTE_NAMES
        clusters = self._held.get(CLUSTER)
        return clusters.outbound if type_url == ENDPOINT and clusters else ()

    def _send(self, request: bytes) -> None:
        assert self._connection is not None
        self.totals.sent += len(request)
        self._connection.send(request)

    def _received(self, data: bytes) -> None:
        response = read_response(data)
        type_url = response.type_url
        self._held[type_url] = self._book.hold(response, self._held.get(type_url))
        self._send(self._book.variant.ack(response, self._names(type_url)))
        position = ORDER.index(type_url) + 1
        if position < len(ORDER) and ORDER[position] not in self._asked:
            self._ask(ORDER[position])
        self._count(type_url, data)

    def _count(self, type_url: TypeUrl, data: bytes) -> None:
        totals = self.totals
        totals.last_ack = time.monotonic()
        totals.first_ack = totals.first_ack or totals.last_ack
        totals.responses += 1
        totals.received += len(data)
        if self.sampled:
            totals.sample.append((type_url, data))
        if type_url in self.awaited:
            self.awaited.discard(type_url)
            if not self.awaited:
                self.on_complete()


@dataclass(frozen=True)
class Assignment:
    """The part of the fleet that one process plays."""

    host: str
    port: int
    workloads: tuple[Workload, ...]
    sotw: bool = False
    registering: bool = False
    sampled: bool = False


class Crowd:
    """The clients of one process. A round ends with its totals."""

    def __init__(self, assignment: Assignment) -> None:
        book = Book(Sotw() if assignment.sotw else Delta())
        self._address = (assignment.host, assignment.port)
        self._clients = [Client(w, book, registering=assignment.registering) for w in assignment.workloads]
        self._clients[0].sampled = assignment.sampled
        self._totals = Totals()
        self._incomplete = 0
        self._failure = ""
        self._completed = asyncio.Event()
        for client in self._clients:
            client.on_complete = self._complete

    def expect(self, awaited: frozenset[TypeUrl]) -> None:
        """Begin a round that is over when each client has acknowledged each of these types."""
        self._totals = Totals(cpu=-time.process_time())
        self._incomplete = len(self._clients)
        self._completed.clear()
        for client in self._clients:
            client.awaited, client.totals = set(awaited), self._totals

    async def connect(self) -> None:
        await asyncio.gather(*(client.connect(*self._address) for client in self._clients))

    def disconnect(self) -> None:
        for client in self._clients:
            client.disconnect()

    async def finish(self) -> Totals:
        """The totals, once the round is over. Raises ConnectionError when a client lost its stream."""
        await self._completed.wait()
        if self._failure:
            raise ConnectionError(self._failure)
        await self._quiet()
        self._totals.cpu += time.process_time()
        return self._totals

    async def _quiet(self) -> None:
        """Return when nothing was heard for QUIET_SECONDS."""
        left = self._totals.last_ack + QUIET_SECONDS - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
            await self._quiet()

    def fail(self, reason: str) -> None:
        """End the round: it cannot be completed."""
        self._failure = self._failure or reason
        self._completed.set()

    def _complete(self) -> None:
        self._incomplete -= 1
        if not self._incomplete:
            self._completed.set()


def run_clients(assignment: Assignment, orders: Connection) -> None:
    """Entry point of a client process; each order is a name and its arguments, each is answered."""
    asyncio.run(_obey(assignment, orders))


async def _obey(assignment: Assignment, orders: Connection) -> None:
    crowd = Crowd(assignment)
    gc.freeze()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, what: crowd.fail(f"{what['message']}: {what.get('exception')}"))
    while True:
        # In a thread of its own, for the clients go on meanwhile.
        order, *arguments = await loop.run_in_executor(None, orders.recv)
        if order == "stop":
            return
        answer = getattr(crowd, order)(*arguments)
        orders.send(await answer if asyncio.iscoroutine(answer) else answer)
