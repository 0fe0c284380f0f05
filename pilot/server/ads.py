"""The aggregated discovery service on grpc.aio: who is let in, and the way to the fleet."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, NoReturn, TypeVar

import grpc
import grpc.aio

from citadel.attestation import Attested
from citadel.refusal import Refusal
from envoycodec.discovery import warm_up
from galley.failpoints import failpoint
from galley.text.wording import printable, shortened
from pilot.pump import SEND_SECONDS, Requests, StreamContext, pump, read_request
from pilot.server.admission import Admission, StreamLimitError, Ticket
from pilot.server.authentication import Authenticator, abort, audit, is_encrypted
from pilot.server.connection import Connection
from pilot.server.fleet import Fleet
from pilot.server.peers import host_of, locate_node
from pilot.server.served_mesh import IdentityError
from pilot.server.transport import ServingPort, bind, new_server
from pilot.settings import StreamLimits
from pilot.xds.events import DeltaRequested, Requested
from pilot.xds.variant import XdsVariant

log = logging.getLogger(__name__)

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"

_LONGEST_REASON = 1_000
"""Characters of why a stream was refused: part of it may be what its client said."""

_NO_OTHER_LIMITS = StreamLimits()

T = TypeVar("T")


class RefusedError(Exception):
    """A stream that cannot be served: the status to end it with."""

    def __init__(self, status: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class AdsServer:
    """A server that listens. ``port`` is the one bound, also when 0 was asked for; ``ports`` are all of them."""

    ports: tuple[int, ...]
    fleet: Fleet[Any]
    admission: Admission
    _server: grpc.aio.Server
    _pushes: asyncio.Task[None]

    @property
    def port(self) -> int:
        """The first of the ports."""
        return self.ports[0]

    async def stop(self, grace: float = 5.0) -> None:
        """End all streams; those that are not done in ``grace`` seconds are cut."""
        self.fleet.stop()
        await self._server.stop(grace)
        self._pushes.cancel()
        await asyncio.gather(self._pushes, return_exceptions=True)


async def start_ads(
    address: str | Sequence[ServingPort],
    fleet: Fleet[Any],
    *,
    credentials: grpc.ServerCredentials | None = None,
    authenticator: Authenticator | None = None,
    handlers: Sequence[grpc.GenericRpcHandler[Any, Any]] = (),
    limits: StreamLimits = _NO_OTHER_LIMITS,
    ready_timeout: float = 15.0,
    send_timeout: float = SEND_SECONDS,
) -> AdsServer:
    """Listen on ``address`` (``host:port`` or ``unix:path``, plaintext without ``credentials``), or on several ports.

    With an ``authenticator`` every stream over TLS must prove who it is. ``handlers`` are further services.
    A stream waits ``ready_timeout`` seconds for the first publication, then it is told UNAVAILABLE. A client that
    takes nothing for ``send_timeout`` seconds is cut off; one beyond ``limits`` is told RESOURCE_EXHAUSTED. Raises
    OSError when the address cannot be bound.
    """
    warm_up()
    admission = Admission(limits, fleet.counters.refused)
    service = _Ads(fleet, authenticator, admission, ready_timeout=ready_timeout, send_timeout=send_timeout)
    methods = {
        "StreamAggregatedResources": grpc.stream_stream_rpc_method_handler(service.stream_sotw),
        "DeltaAggregatedResources": grpc.stream_stream_rpc_method_handler(service.stream_delta),
    }
    server = new_server(limits.total)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods), *handlers))
    ports = [ServingPort(address, credentials)] if isinstance(address, str) else address
    bound = tuple(bind(server, port) for port in ports)
    await server.start()
    return AdsServer(bound, fleet, admission, server, asyncio.create_task(fleet.push_forever(), name="pushes"))


class _Ads:
    """The two methods. All that is known of the protocol is in the connection's state machine."""

    def __init__(
        self,
        fleet: Fleet[T],
        authenticator: Authenticator | None,
        admission: Admission,
        *,
        ready_timeout: float,
        send_timeout: float,
    ) -> None:
        self._fleet: Fleet[Any] = fleet
        self._authenticator = authenticator
        self._admission = admission
        self._ready_timeout = ready_timeout
        self._send_timeout = send_timeout

    async def stream_sotw(self, requests: Requests, context: StreamContext) -> None:
        await self._converse(requests, context, XdsVariant.SOTW)

    async def stream_delta(self, requests: Requests, context: StreamContext) -> None:
        await self._converse(requests, context, XdsVariant.DELTA)

    async def _converse(self, requests: Requests, context: StreamContext, variant: XdsVariant) -> None:
        host = host_of(context.peer())
        try:
            ticket = self._admission.enter(host, time.monotonic())
        except StreamLimitError as refused:
            await self._refuse_one_more(context, refused)
        try:
            failpoint("stream")
            await self._converse_admitted(requests, context, variant, ticket)
        except grpc.aio.AbortError:
            raise
        except grpc.aio.BaseError as error:  # its client is gone
            log.info("the stream from %s ended: %s", context.peer(), shortened(printable(str(error)), _LONGEST_REASON))
        except Exception:
            log.exception("the stream from %s failed", context.peer())
            await context.abort(grpc.StatusCode.INTERNAL, "the control plane failed on this stream; its log says why")
        finally:
            self._admission.leave(ticket)

    async def _converse_admitted(
        self, requests: Requests, context: StreamContext, variant: XdsVariant, ticket: Ticket
    ) -> None:
        caller = await self._authenticate(context)
        try:
            async with asyncio.timeout(self._admission.limits.first_request):  # wait_for may lose a cancellation
                message = await anext(requests, None)
        except TimeoutError:
            seconds = self._admission.limits.first_request
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, f"no request within {seconds:g} s")
        if message is None:
            return
        try:
            connection, first = await self._accept(message, variant, context.peer(), caller, ticket)
        except StreamLimitError as one_more:
            await self._refuse_one_more(context, one_more)
        except RefusedError as refused:
            text = shortened(printable(str(refused)), _LONGEST_REASON)
            if self._admission.is_worth_a_line(host_of(context.peer()), time.monotonic()):
                audit.warning("refused a stream from %s (%s): %s", context.peer(), refused.status.name, text)
            await context.abort(refused.status, text)
        message = None  # 60 KB with its node, and the stream may last for days
        lapse = _end_with_proof(connection, caller)
        try:
            await pump(
                connection,
                requests,
                context,
                close=lambda: self._fleet.close(connection),
                first=first,
                send_timeout=self._send_timeout,
            )
        finally:
            lapse.cancel()

    async def _refuse_one_more(self, context: StreamContext, refused: StreamLimitError) -> NoReturn:
        if self._admission.is_worth_a_line(host_of(context.peer()), time.monotonic()):
            audit.warning("refused a stream from %s (RESOURCE_EXHAUSTED): %s", context.peer(), refused)
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(refused))

    async def _authenticate(self, context: StreamContext) -> Attested | None:
        """Who calls, before a word of it is read; None where nobody can prove anything."""
        if self._authenticator is None or not is_encrypted(context):
            return None
        outcome = await self._authenticator.authenticate(context)
        if isinstance(outcome, Refusal):
            await abort(context, outcome)
        return outcome

    async def _accept(
        self, message: bytes, variant: XdsVariant, peer: str, caller: Attested | None, ticket: Ticket
    ) -> tuple[Connection[Any], Requested | DeltaRequested]:
        """The first request: the only one that must say who asks."""
        try:
            event, claimed = read_request(variant, message, with_node=True)
            if claimed is None or not claimed.id:
                raise ValueError("the first request of a stream must carry a node with an id")
            await self._until_ready()
            identity = caller.identity if caller else None
            node = locate_node(claimed, peer)
            self._admission.name(ticket, node.id, str(identity or ""), time.monotonic())
            hold = partial(self._admission.hold, ticket)
            return self._fleet.open(node, variant, peer, identity, hold=hold), event
        except IdentityError as error:
            assert self._authenticator is not None, "an identity that nobody has proven"
            refusal = self._authenticator.refuse(str(error), peer)
            raise RefusedError(grpc.StatusCode[refusal.code.name], refusal.message) from error
        except ValueError as error:
            raise RefusedError(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error

    async def _until_ready(self) -> None:
        try:
            async with asyncio.timeout(self._ready_timeout):
                await self._fleet.wait_ready()
        except TimeoutError:
            raise RefusedError(grpc.StatusCode.UNAVAILABLE, "there is no accepted configuration yet") from None


def _end_with_proof(connection: Connection[Any], caller: Attested | None) -> asyncio.Handle:
    """End the stream when what proved its identity expires: the client must prove it anew."""
    loop = asyncio.get_running_loop()
    if caller is None:
        never = loop.call_later(0, lambda: None)
        never.cancel()
        return never
    left = (caller.expires_at - datetime.now(UTC)).total_seconds()
    return loop.call_later(max(0.0, left), connection.end, "UNAUTHENTICATED", "not authenticated any longer")
