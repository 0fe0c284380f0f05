"""The secret discovery service on a Unix socket: certificate, key and roots for the Envoy on this host."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import grpc
import grpc.aio

from envoycodec.discovery import warm_up
from pilot.pump import SEND_SECONDS, Outbox, Requests, StreamContext, pump
from pilot.xds.events import Acked, DeltaRequested, EndStream, Event, Nacked, Published, Requested, Respond
from pilot.xds.resources import SECRET, ResourceSet, ResourceSnapshot
from pilot.xds.variant import XdsVariant
from pilot.xds.wire import ResponseEncoder

SERVICE = "envoy.service.secret.v3.SecretDiscoveryService"
log = logging.getLogger("pilot.agent")
_LONGEST_SOCKET_PATH = 107
"""Bytes: sun_path of Linux has 108 with the closing zero."""


class SecretStream:
    """One stream of Envoy, in either variant of the protocol, that a pump keeps going."""

    def __init__(self, variant: XdsVariant) -> None:
        self.variant = variant
        self.outbox = Outbox()
        self._stream = variant.new_stream()
        self._encoder = ResponseEncoder()

    def __repr__(self) -> str:
        return f"a stream of secrets ({self.variant})"

    def publish(self, secrets: ResourceSet) -> None:
        """There are other secrets now."""
        self._take(Published(ResourceSnapshot([secrets])))

    def handle(self, event: Requested | DeltaRequested) -> None:
        """Envoy said this. The service speaks of secrets only, so the type may be left out; ValueError for another."""
        if event.type_url not in ("", SECRET):
            raise ValueError(f"{event.type_url} is not served here, only secrets")
        self._take(replace(event, type_url=SECRET))

    def _take(self, event: Event) -> None:
        for command in self._stream.handle(event):
            match command:
                case Respond():
                    self.outbox.put(self.variant.encode_response(command, self._encoder))
                case Nacked():
                    # Its text may quote what was refused, and that is a key.
                    names = ", ".join(resource.name for resource in command.failing)
                    log.error("Envoy rejected the secret %s; its own log says why", names)
                case EndStream(status, message):
                    self.outbox.end(status, message)
                case Acked():
                    pass


class SecretService:
    """Serves one set of secrets to every stream, and the next one as soon as it is published.

    An Envoy that takes nothing for ``send_timeout`` seconds is cut off: it comes back for what is held then.
    """

    def __init__(self, secrets: ResourceSet, *, send_timeout: float = SEND_SECONDS) -> None:
        self._secrets = secrets
        self._send_timeout = send_timeout
        self._streams: set[SecretStream] = set()
        self._server: grpc.aio.Server | None = None

    @property
    def open_streams(self) -> int:
        """Streams that are served now."""
        return len(self._streams)

    def publish(self, secrets: ResourceSet) -> None:
        """Push ``secrets`` to all streams, and serve them from now on."""
        self._secrets = secrets
        for stream in self._streams:
            stream.publish(secrets)

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

    async def _stream_secrets(self, requests: Requests, context: StreamContext) -> None:
        await self._converse(SecretStream(XdsVariant.SOTW), requests, context)

    async def _delta_secrets(self, requests: Requests, context: StreamContext) -> None:
        await self._converse(SecretStream(XdsVariant.DELTA), requests, context)

    async def _converse(self, stream: SecretStream, requests: Requests, context: StreamContext) -> None:
        self._streams.add(stream)
        stream.publish(self._secrets)
        await pump(
            stream,
            requests,
            context,
            close=lambda: self._streams.discard(stream),
            send_timeout=self._send_timeout,
        )


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
