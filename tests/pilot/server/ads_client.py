"""An ADS client for tests: requests and responses as JSON, over a real channel."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc.aio
from envoy_data_plane.envoy.service.discovery.v3 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    DiscoveryRequest,
    DiscoveryResponse,
)

from envoycodec.upb import decode_upb, parse_json
from pilot.server.ads import SERVICE

NODE = {"id": "sidecar~127.0.0.1~app.default~default.svc.cluster.local", "cluster": "app"}
WAIT = 10.0
_UNLIMITED = (("grpc.max_receive_message_length", -1),)  # As in Envoy.


class AdsClient:
    """One stream. Use as an asynchronous context manager."""

    def __init__(
        self,
        port: int,
        *,
        delta: bool = False,
        credentials: grpc.ChannelCredentials | None = None,
        token: str | None = None,
    ) -> None:
        """Plaintext without ``credentials``; ``token`` is the whole value of the ``authorization`` header."""
        self._delta = delta
        target = f"127.0.0.1:{port}"
        if credentials is None:
            self._channel = grpc.aio.insecure_channel(target, options=_UNLIMITED)
        else:
            self._channel = grpc.aio.secure_channel(target, credentials, options=_UNLIMITED)
        metadata = () if token is None else (("authorization", token),)
        method = "DeltaAggregatedResources" if delta else "StreamAggregatedResources"
        stream = self._channel.stream_stream(f"/{SERVICE}/{method}", bytes, bytes)
        self.call: grpc.aio.StreamStreamCall[bytes, bytes] = stream(None, metadata=metadata)

    async def __aenter__(self) -> AdsClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.call.cancel()
        await self._channel.close(None)

    async def send(self, type_url: str, **fields: Any) -> None:
        """Send a request; the fields are named as in proto3 JSON."""
        message = DeltaDiscoveryRequest if self._delta else DiscoveryRequest
        await self.send_raw(parse_json(message, {"typeUrl": type_url, **fields}))

    async def send_raw(self, message: bytes) -> None:
        await asyncio.wait_for(self.call.write(message), WAIT)

    async def receive(self) -> Any:
        """The next response. Fails when the stream has ended or none comes in time."""
        message = await asyncio.wait_for(self.call.read(), WAIT)
        assert isinstance(message, bytes), f"the stream ended: {await self.status()}"
        return decode_upb(DeltaDiscoveryResponse if self._delta else DiscoveryResponse, message)

    async def acknowledge(self, response: Any, **fields: Any) -> None:
        """Accept ``response``, or reject it when ``fields`` hold an errorDetail."""
        if not self._delta:
            fields = {"versionInfo": response.version_info, **fields}
        await self.send(response.type_url, responseNonce=response.nonce, **fields)

    async def status(self) -> tuple[grpc.StatusCode, str]:
        """How the stream ended."""
        code = await asyncio.wait_for(self.call.code(), WAIT)
        return code, str(await self.call.details())
