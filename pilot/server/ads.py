"""The aggregated discovery service on grpc.aio: decode, handle, write, repeat.

Responses are bytes already, so handlers pass bytes; nothing of the xDS protocol is decided here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import grpc

from envoycodec.discovery import Node, decode_delta_discovery_request, decode_discovery_request
from pilot.server.connection import Connection
from pilot.server.fleet import Fleet
from pilot.xds.events import DeltaRequested, Event, Requested
from pilot.xds.resources import TypeUrl

P = TypeVar("P")
Context = grpc.aio.ServicerContext[bytes, bytes]

log = logging.getLogger(__name__)

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", 4 << 20),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_concurrent_streams", 100_000),
    ("grpc.so_reuseport", 0),
)


def build_server(fleet: Fleet[P]) -> grpc.aio.Server:
    """A server that answers both variants of ADS for ``fleet``; add a port and start it."""
    server = grpc.aio.server(options=_OPTIONS)
    handlers = {
        "StreamAggregatedResources": grpc.stream_stream_rpc_method_handler(_handler(fleet, _decode_sotw, delta=False)),
        "DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(_handler(fleet, _decode_delta, delta=True)),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    return server


Decode = Callable[[bytes, bool], tuple[Node | None, Event]]
"""A request as an event, and its node when that is asked for. Raises ValueError for what is no request."""


def _decode_sotw(data: bytes, with_node: bool) -> tuple[Node | None, Event]:
    request = decode_discovery_request(data, with_node)
    event = Requested(
        type_url=TypeUrl(request.type_url),
        names=request.resource_names,
        nonce=request.response_nonce,
        version=request.version_info,
        error=(request.error_message or "") if request.is_nack else None,
    )
    return request.node, event


def _decode_delta(data: bytes, with_node: bool) -> tuple[Node | None, Event]:
    request = decode_delta_discovery_request(data, with_node)
    event = DeltaRequested(
        type_url=TypeUrl(request.type_url),
        subscribe=request.subscribe,
        unsubscribe=request.unsubscribe,
        nonce=request.nonce,
        initial_versions=request.initial_versions,
        error=(request.error_message or "") if request.is_nack else None,
    )
    return request.node, event


def _handler(fleet: Fleet[P], decode: Decode, *, delta: bool) -> Any:
    async def converse(requests: AsyncIterator[bytes], context: Context) -> None:
        try:
            node, event = await _first(requests, decode)
            if event is None:
                return  # the client left before it said anything
            connection = fleet.connect(node, delta=delta)
        except ValueError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        reader = asyncio.create_task(_read(fleet, connection, requests, event, decode))
        try:
            await _write(connection, context)
        finally:
            fleet.disconnect(connection)
            reader.cancel()

    return converse


async def _first(requests: AsyncIterator[bytes], decode: Decode) -> tuple[Node, Event | None]:
    """The first request, which alone carries the node."""
    async for data in requests:
        node, event = decode(data, True)
        if node is None or not node.id:
            raise ValueError("the first request of a stream must carry node.id")
        return node, event
    return Node(), None


async def _read(
    fleet: Fleet[P], connection: Connection[P], requests: AsyncIterator[bytes], first: Event, decode: Decode
) -> None:
    try:
        connection.handle(first, fleet.now)
        async for data in requests:
            _, event = decode(data, False)
            connection.handle(event, fleet.now)
        connection.close("OK", "the client ended the stream")
    except ValueError as error:
        connection.close("INVALID_ARGUMENT", str(error))
    except Exception:
        log.exception("cannot answer %s", connection.node.id)
        connection.close("INTERNAL", "the control plane failed to answer; its log says more")


async def _write(connection: Connection[P], context: Context) -> None:
    while (data := await connection.output()) is not None:
        await context.write(data)
    closing = connection.closing
    if closing is not None and closing.status != "OK":
        await context.abort(grpc.StatusCode[closing.status], closing.message)
