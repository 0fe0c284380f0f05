"""The raw limit: a grpc.aio server without a control plane, which writes ready bytes to every stream.

It answers the first request for each type with what a real control plane answered there, and drops all others.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Mapping, Sequence
from multiprocessing.connection import Connection

import grpc

from bench.control_plane import HOST
from bench.messages import request_type
from pilot.xds.resources import TypeUrl

_SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
Context = grpc.aio.ServicerContext[bytes, bytes]


class RawServer:
    """Each public coroutine is an order that the parent process can give."""

    def __init__(self) -> None:
        self._answers: Mapping[TypeUrl, Sequence[bytes]] = {}
        self._streams: set[Context] = set()

    async def start(self) -> int:
        """Listen; the port."""
        server = grpc.aio.server(
            options=[("grpc.max_concurrent_streams", 100_000), ("grpc.max_send_message_length", -1)]
        )
        handler = grpc.stream_stream_rpc_method_handler(self._converse)
        methods = dict.fromkeys(("StreamAggregatedResources", "DeltaAggregatedResources"), handler)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, methods),))
        port = server.add_insecure_port(f"{HOST}:0")
        await server.start()
        gc.freeze()
        self._server = server
        return port

    async def answer(self, answers: Mapping[TypeUrl, Sequence[bytes]]) -> None:
        """Answer the first request for each type of a stream so from now on."""
        self._answers = answers

    async def push(self, messages: Sequence[bytes]) -> None:
        """Write these to every stream."""
        for message in messages:
            await asyncio.gather(*(stream.write(message) for stream in self._streams))

    async def _converse(self, requests: AsyncIterator[bytes], context: Context) -> None:
        self._streams.add(context)
        answered = set()
        try:
            async for request in requests:
                type_url = request_type(request)
                if type_url not in answered:
                    answered.add(type_url)
                    for message in self._answers.get(type_url, ()):
                        await context.write(message)
        finally:
            self._streams.discard(context)


def run_raw_server(orders: Connection) -> None:
    """Entry point of the server's process."""
    asyncio.run(_obey(orders))


async def _obey(orders: Connection) -> None:
    server = RawServer()
    loop = asyncio.get_running_loop()
    while True:
        order, *arguments = await loop.run_in_executor(None, orders.recv)
        if order == "stop":
            return
        orders.send(await getattr(server, order)(*arguments))
