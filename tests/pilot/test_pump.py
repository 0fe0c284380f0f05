"""The shell around a state machine, against a call whose other side a test plays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import grpc
import pytest

from envoycodec.discovery import DiscoveryRequest, Node, encode_discovery_request
from pilot.pump import Outbox, StreamContext, pump, read_request
from pilot.xds.events import DeltaRequested, Requested
from pilot.xds.resources import CLUSTER
from pilot.xds.variant import XdsVariant

Handle = Callable[[Requested | DeltaRequested], None]


class Echo:
    """Answers each request with its nonce, after ``handle`` has looked at it."""

    variant = XdsVariant.SOTW

    def __init__(self, handle: Handle = lambda event: None) -> None:
        self.outbox = Outbox()
        self._handle = handle

    def handle(self, event: Requested | DeltaRequested) -> None:
        self._handle(event)
        self.outbox.put(event.nonce.encode())


class Call:
    """The other side: it says ``requests`` and, unless it goes on listening, no more; it takes what is ``taken``.

    Until ``takes`` is set it takes nothing.
    """

    def __init__(self, *requests: bytes, listens: bool = False) -> None:
        self.said, self.listens = requests, listens
        self.taken: list[bytes] = []
        self.status: tuple[grpc.StatusCode, str] | None = None
        self.closed = asyncio.Event()
        self.takes = asyncio.Event()
        self.takes.set()

    async def requests(self) -> AsyncIterator[bytes]:
        for request in self.said:
            yield request
        if self.listens:
            await asyncio.Event().wait()

    async def write(self, message: bytes) -> None:
        await self.takes.wait()
        self.taken.append(message)

    async def abort(self, status: grpc.StatusCode, message: str) -> None:
        self.status = status, message

    async def meets(self, stream: Echo, **options: Any) -> None:
        """Run the pump to its end."""
        context = cast(StreamContext, self)
        pumping = pump(stream, self.requests(), context, close=self.closed.set, **options)
        await asyncio.wait_for(pumping, 10)


def request(nonce: str) -> bytes:
    return encode_discovery_request(DiscoveryRequest(CLUSTER, response_nonce=nonce))


async def test_what_was_read_before_comes_first_and_an_end_of_reading_ends_well() -> None:
    call = Call(request("2"), request("3"))
    await call.meets(Echo(), first=Requested(CLUSTER, nonce="1"))
    assert call.taken == [b"1", b"2", b"3"]
    assert call.status is None
    assert call.closed.is_set()


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (ValueError("no such type"), grpc.StatusCode.INVALID_ARGUMENT, "no such type"),
        (RuntimeError("a key perhaps"), grpc.StatusCode.INTERNAL, "the server failed on this request"),
    ],
)
async def test_what_cannot_be_handled_ends_the_call_with_a_status(
    error: Exception, status: grpc.StatusCode, text: str
) -> None:
    def refuse(event: Requested | DeltaRequested) -> None:
        raise error

    call = Call(request("1"), listens=True)
    await call.meets(Echo(refuse))
    assert call.status == (status, text)


async def test_nonsense_ends_the_call() -> None:
    call = Call(b"\xff\xff", listens=True)
    await call.meets(Echo())
    assert call.status is not None
    assert call.status[0] is grpc.StatusCode.INVALID_ARGUMENT


async def test_what_waits_is_written_before_the_end_and_the_first_reason_stands() -> None:
    stream, call = Echo(), Call(listens=True)
    stream.outbox.put(b"last")
    stream.outbox.end("UNAVAILABLE", "stopping")
    stream.outbox.end("INTERNAL", "later")
    await call.meets(stream)
    assert call.taken == [b"last"]
    assert call.status == (grpc.StatusCode.UNAVAILABLE, "stopping")


async def test_one_who_takes_nothing_is_out_at_once_and_hears_of_it_when_it_takes_something() -> None:
    stream, call = Echo(), Call(listens=True)
    call.takes.clear()
    stream.outbox.put(b"1")
    stream.outbox.put(b"2")
    pumping = asyncio.create_task(call.meets(stream, send_timeout=0.01))
    await asyncio.wait_for(call.closed.wait(), 10)
    assert call.status is None
    call.takes.set()
    await pumping
    assert call.taken == [b"1"], "the second was not worth waiting for"
    assert call.status == (grpc.StatusCode.DEADLINE_EXCEEDED, "nothing was taken for 0.01 s")


async def test_reading_and_writing_do_not_wait_for_each_other() -> None:
    handled: list[str] = []
    call = Call(request("1"), request("2"), listens=True)
    call.takes.clear()
    stream = Echo(lambda event: handled.append(event.nonce))
    pumping = asyncio.create_task(call.meets(stream))
    async with asyncio.timeout(10):
        while len(handled) < 2:  # noqa: ASYNC110 - the loop has to turn, whoever has the word
            await asyncio.sleep(0)
    assert call.taken == []
    call.takes.set()
    stream.outbox.end("OK", "")
    await pumping
    assert call.taken == [b"1", b"2"]


@pytest.mark.parametrize("with_node", [False, True])
def test_the_node_is_read_when_it_is_asked_for(with_node: bool) -> None:
    message = encode_discovery_request(DiscoveryRequest(CLUSTER, resource_names=("a",), node=Node(id="me")))
    event, node = read_request(XdsVariant.SOTW, message, with_node=with_node)
    assert event == Requested(CLUSTER, ("a",))
    assert (node and node.id) == ("me" if with_node else None)
