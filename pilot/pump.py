"""The shell around one state machine of xDS, on grpc.aio: read, handle, write, repeat.

The control plane and an agent's secret service have it in common. Reading and writing do not wait for each other; a
client that takes nothing is cut off, and whatever ends a stream ends it with a status.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import grpc
import grpc.aio

from envoycodec.discovery import Node, decode_delta_discovery_request, decode_discovery_request
from pilot.xds.events import DeltaRequested, EndStream, Requested
from pilot.xds.requests import read_delta, read_sotw
from pilot.xds.variant import XdsVariant

SEND_SECONDS = 30.0
"""As long a client may take nothing."""

log = logging.getLogger(__name__)
StreamContext = grpc.aio.ServicerContext[bytes, bytes]
Requests = AsyncIterator[bytes]


class Outbox:
    """What one stream still has to write, and why it ends: others put in, the pump takes out.

    ``messages`` are never more than one per type, for the next waits until this one is answered. ``ending`` is None
    while the stream goes on.
    """

    def __init__(self) -> None:
        self.messages: deque[bytes] = deque()
        self.ending: EndStream | None = None
        self._news = asyncio.Event()

    def put(self, message: bytes) -> None:
        """Have ``message`` written after those before it."""
        self.messages.append(message)
        self._news.set()

    def end(self, status: str, message: str) -> None:
        """End the stream once all is written, with a status (named as in ``grpc.StatusCode``). The first one stands."""
        self.ending = self.ending or EndStream(status, message)
        self._news.set()

    def cut(self, status: str, message: str) -> None:
        """End the stream without writing any more."""
        self.messages.clear()
        self.end(status, message)

    async def take(self) -> bytes | None:
        """The next message to write; None when the stream has ended and all is written."""
        while not self.messages and self.ending is None:
            self._news.clear()
            await self._news.wait()
        return self.messages.popleft() if self.messages else None


class PumpedStream(Protocol):
    """A state machine with an outbox. Its text names it in the log."""

    @property
    def variant(self) -> XdsVariant:
        """How its client speaks."""
        ...

    @property
    def outbox(self) -> Outbox:
        """Where its responses go, and its end."""
        ...

    def handle(self, event: Requested | DeltaRequested) -> None:
        """Take in a request. ValueError, with a text for the client, when it is none that can be answered."""
        ...


def read_request(
    variant: XdsVariant, message: bytes, *, with_node: bool = False
) -> tuple[Requested | DeltaRequested, Node | None]:
    """What ``message`` says, and its node if that is there and asked for. ValueError if malformed."""
    if variant is XdsVariant.SOTW:
        request = decode_discovery_request(message, with_node)
        return read_sotw(request), request.node
    change = decode_delta_discovery_request(message, with_node)
    return read_delta(change), change.node


async def pump(
    stream: PumpedStream,
    requests: Requests,
    context: StreamContext,
    *,
    close: Callable[[], None],
    first: Requested | DeltaRequested | None = None,
    send_timeout: float = SEND_SECONDS,
) -> None:
    """Keep ``stream`` going until either side ends it, and end the call as its outbox says.

    ``first`` is a request that was read already. ``close`` takes the stream out of what is served, as soon as it is
    over, even if its client does not hear of that; it may be called twice. ``send_timeout`` is in seconds.
    """
    outbox = stream.outbox
    reading = asyncio.create_task(_read(stream, requests, first))
    first = None
    try:
        while (message := await outbox.take()) is not None:
            writing = asyncio.ensure_future(context.write(message))
            writing.add_done_callback(_take_notice)  # when the client goes, nobody waits for the result any more
            done, _ = await asyncio.wait({writing}, timeout=send_timeout)
            if not done:
                # The client is out from now on. The status that says so goes out behind the message, when it is
                # taken: grpc.aio cannot take a message back, nor end a call beside it. A dead peer is found by
                # keepalive.
                outbox.cut("DEADLINE_EXCEEDED", f"nothing was taken for {send_timeout:g} s")
                close()
            await writing
    finally:
        reading.cancel()
        close()
    if outbox.ending is not None and outbox.ending.status != "OK":
        await context.abort(grpc.StatusCode[outbox.ending.status], outbox.ending.message)


async def _read(stream: PumpedStream, requests: Requests, first: Requested | DeltaRequested | None) -> None:
    """Handle requests until the client has no more. Any end of reading ends the stream."""
    end = stream.outbox.end
    try:
        if first is not None:
            stream.handle(first)
            first = None  # nobody needs it any more, and it may name all that the client kept
        async for message in requests:
            stream.handle(read_request(stream.variant, message)[0])
        end("OK", "")
    except ValueError as error:
        end("INVALID_ARGUMENT", str(error))
    except grpc.aio.BaseError as error:
        end("CANCELLED", str(error))
    except Exception:
        log.exception("%s: a request failed", stream)
        end("INTERNAL", "the server failed on this request")


def _take_notice(writing: asyncio.Future[None]) -> None:
    """Look at how a write ended: asyncio reports each failure that nobody has looked at."""
    if not writing.cancelled():
        writing.exception()
