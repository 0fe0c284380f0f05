"""``AccessLogService``: what proxies log for the control plane, each for itself alone."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, cast

import grpc
import grpc.aio

from citadel.attestation import Attested
from citadel.identity import SpiffeId
from citadel.refusal import Refusal
from envoycodec.access_log import LogMessage, decode_log_message
from galley.text.wording import printable, shortened
from pilot.mesh.context.proxy import Proxy
from pilot.reports.denial import Denials
from pilot.server.authentication import Authenticator, is_encrypted, read_evidence
from pilot.server.connection import Connection
from pilot.server.fleet import Fleet
from pilot.server.peers import host_of, locate_node

SERVICE = "envoy.service.accesslog.v3.AccessLogService"
MOST_STREAMS_PER_HOST = 256
"""A proxy has one for each of its worker threads and of its kinds of logs."""
_LONGEST_REASON = 300

log = logging.getLogger(__name__)
_Context = grpc.aio.ServicerContext[Any, Any]


class AccessLogService:
    """Takes entries of the proxies of ``fleet``, and remembers the ``denials`` among them.

    Reports count of those that are connected, and only for themselves: by the proof that the stream of their reports
    shows, which is a certificate, else by the address from which they came as for their configuration.
    """

    def __init__(self, fleet: Fleet[Proxy], denials: Denials, authenticator: Authenticator | None) -> None:
        self._fleet = fleet
        self._denials = denials
        self._authenticator = authenticator
        self._streams: Counter[str] = Counter()

    def handler(self) -> grpc.GenericRpcHandler[Any, Any]:
        """For ``add_generic_rpc_handlers``."""
        methods = {"StreamAccessLogs": grpc.stream_unary_rpc_method_handler(cast(Any, self.stream))}
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def stream(self, messages: AsyncIterator[bytes], context: _Context) -> bytes:
        """Take in one stream, until its client ends it or says what is not its own to say."""
        host = host_of(context.peer())
        if self._streams[host] >= MOST_STREAMS_PER_HOST:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many streams of reports from this address")
        self._streams[host] += 1
        try:
            await self._take(messages, context)
        finally:
            self._streams[host] -= 1
            if not self._streams[host]:
                del self._streams[host]
        return b""

    async def _take(self, messages: AsyncIterator[bytes], context: _Context) -> None:
        reporter: str | None = None
        async for data in messages:
            try:
                message = decode_log_message(data, with_node=reporter is None)
                if reporter is None:
                    reporter = await self._reporter(message, context)
            except ValueError as error:
                reason = shortened(printable(str(error)), _LONGEST_REASON)
                log.info("refused reports from %s: %s", context.peer(), reason)
                await context.abort(grpc.StatusCode.PERMISSION_DENIED, reason)
            self._denials.add(reporter, message.entries)

    async def _reporter(self, message: LogMessage, context: _Context) -> str:
        """The node id of the proxy that speaks. ValueError when it is none that may."""
        if message.node is None:
            raise ValueError("the first message of a stream must say of which node it is")
        node = locate_node(message.node, context.peer())
        proven = await self._proof(context)
        for connection in self._fleet.connections_of(node.id):
            if self._is_same(connection, proven, context):
                return node.id
        raise ValueError(f"{node.id!r} is not connected, or not from here")

    @staticmethod
    def _is_same(connection: Connection[Proxy], proven: SpiffeId | None, context: _Context) -> bool:
        """Whether the client of a call is that of ``connection``. Who has proven something speaks over TLS at least."""
        if proven is not None:
            return connection.identity == proven
        may_speak = connection.identity is None or is_encrypted(context)
        return may_speak and host_of(connection.peer) == host_of(context.peer())

    async def _proof(self, context: _Context) -> SpiffeId | None:
        """Who calls, if the call shows it; None for one that shows nothing. ValueError for what proves nothing."""
        if self._authenticator is None or not is_encrypted(context) or isinstance(read_evidence(context), Refusal):
            return None
        caller = await self._authenticator.authenticate(context)
        if isinstance(caller, Attested):
            return caller.identity
        raise ValueError("not authenticated")
