"""Who may report where proxies prove who they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from citadel.identity import SpiffeId
from citadel.x509 import build_signing_request, generate_private_key
from envoycodec.upb import parse_json
from pilot.reports.access_log_service import SERVICE
from tests.pilot.identity_world import ALICE, BOB, World, create_certificate, first_secrets, node, started

ENTRY = {"response": {"responseCode": 403, "responseCodeDetails": "ext_authz_denied"}}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with started(tmp_path) as running:
        yield running


async def certified(world: World, identity: SpiffeId) -> grpc.ChannelCredentials:
    key = generate_private_key()
    chain = await create_certificate(world, build_signing_request(key, identity), world.token(identity))
    return grpc.ssl_channel_credentials(world.roots, key.reveal(), "".join(chain[:-1]).encode())


async def report(
    world: World, credentials: grpc.ChannelCredentials | None, port: int, token: str | None = None
) -> grpc.StatusCode:
    """Report a denial of alice's proxy, over the ``port``-th port."""
    content = {"identifier": {"logName": "x", "node": {"id": node(ALICE)["id"]}}, "httpLogs": {"logEntry": [ENTRY]}}
    target = f"127.0.0.1:{world.server.ports[port]}"
    channel = grpc.aio.secure_channel(target, credentials) if credentials else grpc.aio.insecure_channel(target)
    async with channel:
        metadata = () if token is None else (("authorization", token),)
        message = parse_json("envoy.service.accesslog.v3.StreamAccessLogsMessage", content)
        call: Any = channel.stream_unary(f"/{SERVICE}/StreamAccessLogs", bytes, bytes)(
            iter([message]), metadata=metadata
        )
        code: grpc.StatusCode = await call.code()
        return code


async def test_a_certificate_reports_for_its_own_proxy_alone(world: World) -> None:
    async with world.stream(world.token(ALICE)) as stream:
        await first_secrets(stream, ALICE, "default")
        assert await report(world, await certified(world, BOB), 1) is grpc.StatusCode.PERMISSION_DENIED
        assert world.denials.count == 0
        assert await report(world, await certified(world, ALICE), 1) is grpc.StatusCode.OK
        assert world.denials.count == 1


async def test_who_shows_nothing_is_known_by_its_address_and_over_tls_alone(world: World) -> None:
    async with world.stream(world.token(ALICE)) as stream:
        await first_secrets(stream, ALICE, "default")
        assert await report(world, None, 2) is grpc.StatusCode.PERMISSION_DENIED
        assert world.denials.count == 0
        assert await report(world, grpc.ssl_channel_credentials(world.roots), 0) is grpc.StatusCode.OK
        assert world.denials.count == 1


async def test_what_is_shown_in_vain_is_not_made_up_for_by_the_address(world: World) -> None:
    async with world.stream(world.token(ALICE)) as stream:
        await first_secrets(stream, ALICE, "default")
        credentials = grpc.ssl_channel_credentials(world.roots)
        for token in ("Bearer nonsense", world.token(BOB), world.token(ALICE, ttl=1, age=60)):
            assert await report(world, credentials, 0, token) is grpc.StatusCode.PERMISSION_DENIED
    assert world.denials.count == 0
