"""The secret discovery service on a Unix socket: certificate, key and roots for the Envoy on this host."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio

from envoycodec.discovery import decode_delta_discovery_request, decode_discovery_request, warm_up
from pilot.xds.delta import DeltaStream
from pilot.xds.events import Acked, DeltaRequested, EndStream, Event, Nacked, Published, Requested, Respond
from pilot.xds.resources import SECRET, ResourceSet, ResourceSnapshot, TypeUrl
from pilot.xds.sotw import SotwStream
from pilot.xds.wire import ResponseEncoder

SERVICE = "envoy.service.secret.v3.SecretDiscoveryService"
log = logging.getLogger("pilot.agent")
_Context = grpc.aio.ServicerContext[bytes, bytes]
_LONGEST_SOCKET_PATH = 107
"""Bytes: sun_path of Linux has 108 with the closing zero."""


class SecretStream:
    """One stream of Envoy, in either variant of the protocol: requests in, responses out, no I/O."""

    def __init__(self, *, delta: bool) -> None:
        self.outbox: deque[bytes] = deque()
        self.ending: EndStream | None = None
        self._delta = delta
        self._stream = DeltaStream() if delta else SotwStream()
        self._encoder = ResponseEncoder()

    def publish(self, secrets: ResourceSet) -> None:
        """There are other secrets now."""
        self._handle(Published(ResourceSnapshot([secrets])))

    def request(self, message: bytes) -> None:
        """Envoy said this. ValueError when it is no request."""
        self._handle(_read_delta(message) if self._delta else _read_sotw(message))

    def _handle(self, event: Event) -> None:
        for command in self._stream.handle(event):
            match command:
                case Respond():
                    encode = self._encoder.encode_delta if self._delta else self._encoder.encode_sotw
                    self.outbox.append(encode(command))
                case Nacked():
                    # Its text may quote what was refused, and that is a key.
                    names = ", ".join(resource.name for resource in command.failing)
                    log.error("Envoy rejected the secret %s; its own log says why", names)
                case EndStream():
                    self.ending = command
                case Acked():
                    pass


def _read_sotw(message: bytes) -> Requested:
    request = decode_discovery_request(message, False)
    error = (request.error_message or "") if request.is_nack else None
    type_url = _secret_type(request.type_url)
    return Requested(type_url, request.resource_names, request.response_nonce, request.version_info, error)


def _read_delta(message: bytes) -> DeltaRequested:
    request = decode_delta_discovery_request(message, False)
    error = (request.error_message or "") if request.is_nack else None
    type_url = _secret_type(request.type_url)
    return DeltaRequested(
        type_url, request.subscribe, request.unsubscribe, request.nonce, request.initial_versions, error
    )


def _secret_type(type_url: str) -> TypeUrl:
    """The service speaks of secrets only, so the type may be left out."""
    if type_url not in ("", SECRET):
        raise ValueError(f"{type_url} is not served here, only secrets")
    return SECRET


class SecretService:
    """Serves one set of secrets to every stream, and the next one as soon as it is published."""

    def __init__(self, secrets: ResourceSet) -> None:
        self._secrets = secrets
        self._wakes: dict[SecretStream, asyncio.Event] = {}
        self._server: grpc.aio.Server | None = None

    def publish(self, secrets: ResourceSet) -> None:
        """Push ``secrets`` to all streams, and serve them from now on."""
        self._secrets = secrets
        for stream, wake in self._wakes.items():
            stream.publish(secrets)
            wake.set()

    async def start(self, path: Path) -> None:
        """Listen on the Unix socket ``path``, for this user alone. OSError when that cannot be."""
        warm_up()
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((self._handler(),))
        _bind(server, path)
        await server.start()
        self._server = server

    async def stop(self) -> None:
        """Cut all streams; the socket goes with them."""
        if self._server is not None:
            await self._server.stop(0)

    def _handler(self) -> grpc.GenericRpcHandler[Any, Any]:
        methods = {
            "StreamSecrets": grpc.stream_stream_rpc_method_handler(cast(Any, self._stream_secrets)),
            "DeltaSecrets": grpc.stream_stream_rpc_method_handler(cast(Any, self._delta_secrets)),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def _stream_secrets(self, requests: AsyncIterator[bytes], context: _Context) -> None:
        await self._converse(SecretStream(delta=False), requests, context)

    async def _delta_secrets(self, requests: AsyncIterator[bytes], context: _Context) -> None:
        await self._converse(SecretStream(delta=True), requests, context)

    async def _converse(self, stream: SecretStream, requests: AsyncIterator[bytes], context: _Context) -> None:
        wake = self._wakes[stream] = asyncio.Event()
        stream.publish(self._secrets)
        reading = asyncio.create_task(_read(stream, requests, wake))
        try:
            while stream.ending is None:
                await wake.wait()
                wake.clear()
                while stream.outbox:
                    await context.write(stream.outbox.popleft())
        finally:
            del self._wakes[stream]
            reading.cancel()
        if stream.ending.status != "OK":
            await context.abort(grpc.StatusCode[stream.ending.status], stream.ending.message)


def _bind(server: grpc.aio.Server, path: Path) -> None:
    """The directory keeps others out already; the mode of the socket does so once more."""
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        raise OSError(f"the path of a socket has at most {_LONGEST_SOCKET_PATH} bytes: {path}")
    path.unlink(missing_ok=True)  # left behind by a crash
    try:
        server.add_insecure_port(f"unix:{path}")
    except RuntimeError as error:
        raise OSError(f"cannot listen on {path}: {error}") from error
    path.chmod(0o600)


async def _read(stream: SecretStream, requests: AsyncIterator[bytes], wake: asyncio.Event) -> None:
    """Until the client has no more to say, which ends the stream."""
    ending = EndStream("OK", "")
    try:
        async for message in requests:
            stream.request(message)
            wake.set()
    except ValueError as error:
        ending = EndStream("INVALID_ARGUMENT", str(error))
    except grpc.aio.BaseError as error:
        ending = EndStream("CANCELLED", str(error))
    stream.ending = stream.ending or ending
    wake.set()
