"""The agent's own stream to the control plane: it hears of new roots at once, and says when the workload leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import grpc
import grpc.aio

from citadel.envoy.secrets import ROOTS_SECRET, read_roots_secret
from envoycodec.discovery import DiscoveryRequest, Node, decode_discovery_response, encode_discovery_request
from galley.frozen import frozen
from pilot.agent.credentials import Credentials
from pilot.dataplane.bootstrap import BootstrapOptions, node_cluster_of, node_id_of, node_metadata_of
from pilot.dataplane.supervisor import backoff
from pilot.node.metadata import write_metadata
from pilot.xds.resources import HEALTH, SECRET

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
LEAVING = "the workload is leaving"
_STEADY_SECONDS = 30.0
_OPTIONS = (
    # Without a pool of its own, gRPC might hand a connection with the last certificate to this stream.
    ("grpc.use_local_subchannel_pool", 1),
    # The control plane is not reached through the proxy that the environment names for the web.
    ("grpc.enable_http_proxy", 0),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)

log = logging.getLogger("pilot.agent")
_Call = grpc.aio.StreamStreamCall[bytes, bytes]
TrustRoots = Callable[[bytes], Awaitable[None]]


@frozen
class ControlPlaneAddress:
    """Where certificates are shown, and what is looked for in the server's (``""``: the host called)."""

    address: str
    server_name: str = ""


def agent_node(options: BootstrapOptions) -> Node:
    """The node of the Envoy beside, marked as the agent's: it is served the roots alone and registers nothing."""
    metadata = replace(node_metadata_of(options), is_agent=True)
    return Node(id=str(node_id_of(options)), cluster=node_cluster_of(options), metadata=write_metadata(metadata))


class ControlStream:
    """One stream for as long as the agent lives, opened again whenever it ends, by the certificate held then."""

    def __init__(
        self,
        control_plane: ControlPlaneAddress,
        node: Node,
        credentials: Callable[[], Credentials],
        trust: TrustRoots,
    ) -> None:
        """``trust`` takes up roots (PEM) and keeps them; only when it returns they are acknowledged. ValueError says
        why they cannot be: then they are asked for again."""
        self._control_plane, self._node = control_plane, node
        self._credentials, self._trust = credentials, trust
        self._call: _Call | None = None
        self._writing = asyncio.Lock()
        self._leaving = False
        self._reported = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                await self._converse()
                reason = "it ended"
            except grpc.aio.AioRpcError as error:
                reason = f"{error.code().name}: {error.details()}"
            except ValueError as objection:
                reason = f"what it says is of no use: {objection}"
            except asyncio.InvalidStateError as error:  # it ended while the roots were taken up, and then we wrote
                reason = f"it ended before it was answered: {error}"
            except Exception as error:
                # Without its stream an agent lives on and hears of no new root, so nothing may end this task.
                log.exception("an error of ours in the stream to %s", self._control_plane.address)
                reason = f"{type(error).__name__}: {error}"
            failures = 0 if clock() - began > _STEADY_SECONDS else failures + 1
            pause = backoff(failures)
            log.log(logging.WARNING if failures > 1 else logging.INFO,
                    "the stream to %s: %s; next in %.1f s", self._control_plane.address, reason, pause)  # fmt: skip
            await asyncio.sleep(pause)

    async def report_leaving(self) -> None:
        """Say that peers should be sent here no longer, on every further stream too. Returns when it is said."""
        self._leaving = True
        if self._call is not None:
            with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await self._tell(self._call)
        await self._reported.wait()

    async def _converse(self) -> None:
        async with self._channel() as channel:
            stub: Any = channel.stream_stream(METHOD, None, None)
            call: _Call = stub()
            await self._write(call, DiscoveryRequest(SECRET, resource_names=(ROOTS_SECRET,), node=self._node))
            self._call = call
            try:
                if self._leaving:
                    await self._tell(call)
                async for message in call:
                    await self._answer(call, message)
            finally:
                self._call = None

    async def _answer(self, call: _Call, message: bytes) -> None:
        """Istio's agents and Envoy say it the same way: the same request with version and nonce of what was taken."""
        response = decode_discovery_response(message)
        for secret in response.resources:
            await self._trust(read_roots_secret(secret))
        accepted = DiscoveryRequest(
            SECRET,
            version_info=response.version_info,
            response_nonce=response.nonce,
            resource_names=(ROOTS_SECRET,),
        )
        await self._write(call, accepted)

    async def _tell(self, call: _Call) -> None:
        """As Istio's agent does of a workload that fails its probe: an error in a request of this type."""
        await self._write(call, DiscoveryRequest(HEALTH, error_code=503, error_message=LEAVING, node=self._node))
        self._reported.set()

    async def _write(self, call: Any, request: DiscoveryRequest) -> None:
        async with self._writing:
            await call.write(encode_discovery_request(request))

    def _channel(self) -> grpc.aio.Channel:
        current = self._credentials()
        svid = current.svid
        credentials = grpc.ssl_channel_credentials(current.bundle.pem, svid.private_key.reveal(), svid.chain_pem)
        name = self._control_plane.server_name
        options = [*_OPTIONS, *([("grpc.ssl_target_name_override", name)] if name else [])]
        return grpc.aio.secure_channel(self._control_plane.address, credentials, options=options)
