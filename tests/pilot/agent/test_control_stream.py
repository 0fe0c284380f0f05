"""The agent's own stream, against a control plane on loopback: roots as they change, and the word that one leaves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from citadel.ca.keystore import Keystore
from citadel.ca.roots import prepare_root
from citadel.identity import BearerToken
from citadel.x509 import build_signing_request, generate_private_key
from pilot.agent.certificate_client import CertificateClient, Proof
from pilot.agent.control_stream import ControlPlaneAddress, ControlStream, agent_node
from pilot.agent.credentials import Credentials, ServiceAccount, accept_response
from pilot.dataplane.bootstrap import BootstrapOptions
from pilot.node.node_id import ProxyKind
from tests.pilot.identity_world import ALICE, World, started
from tests.pilot.server.conditions import until

OPTIONS = BootstrapOptions(
    ProxyKind.SIDECAR, "app", "127.0.0.1", namespace=ALICE.namespace, service_account=ALICE.service_account
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with started(tmp_path) as running:
        yield running


async def join(world: World) -> Credentials:
    tokens, certificates, _ = world.server.ports
    client = CertificateClient(f"127.0.0.1:{tokens}", f"127.0.0.1:{certificates}")
    key = generate_private_key()
    proof = Proof(BearerToken(world.token().removeprefix("Bearer ")), world.roots)
    elements = await client.sign(build_signing_request(key), proof, 600)
    workload = ServiceAccount(ALICE.namespace, ALICE.service_account)
    return accept_response(elements, key, workload, datetime.now(UTC))


@contextlib.asynccontextmanager
async def streaming(
    world: World, objections: list[Exception], taking_up: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[tuple[ControlStream, list[bytes]]]:
    held = await join(world)
    seen: list[bytes] = []

    async def trust(roots: bytes) -> None:
        if objections:
            raise objections.pop()
        seen.append(roots)
        if taking_up is not None:
            await taking_up()

    stream = ControlStream(
        ControlPlaneAddress(f"127.0.0.1:{world.server.ports[1]}"), agent_node(OPTIONS), lambda: held, trust
    )
    running = asyncio.create_task(stream.run())
    try:
        yield stream, seen
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_roots_come_at_once_and_when_they_change(world: World) -> None:
    async with streaming(world, []) as (_, seen):
        await until(lambda: seen == [world.roots])
        Keystore(world.state).update(lambda state: prepare_root(state, datetime.now(UTC)))
        await until(lambda: len(seen) == 2)
        assert seen[1] == world.roots


async def test_it_is_no_envoy_and_gets_no_key(world: World) -> None:
    async with streaming(world, []) as (_, seen):
        await until(lambda: bool(seen))
        (connection,) = world.fleet.connections
        assert connection.proxy.is_agent
        assert not connection.proxy.self_register
        secrets = world.fleet.secrets(connection)
        assert secrets is not None
        assert list(secrets.names()) == ["ROOTCA"]


async def test_roots_that_cannot_be_taken_up_are_asked_for_again(world: World) -> None:
    async with streaming(world, [ValueError("the disk is full")]) as (_, seen):
        await until(lambda: seen == [world.roots])
        assert world.fleet.counters.connections == 2


async def test_no_error_ends_it_for_good(world: World) -> None:
    async with streaming(world, [RuntimeError("nobody thought of this")]) as (_, seen):
        await until(lambda: seen == [world.roots])


async def test_a_stream_that_ends_while_the_roots_are_taken_up_is_opened_again(world: World) -> None:
    async def outlive_the_stream() -> None:
        if world.fleet.counters.connections == 1:
            world.fleet.connections[0].end("UNAVAILABLE", "the control plane goes")
            await until(lambda: not world.fleet.connections)
            await asyncio.sleep(0.1)  # until the word of it has come over the wire

    async with streaming(world, [], outlive_the_stream):
        await until(lambda: world.fleet.counters.acks == 1)
        assert world.fleet.counters.connections == 2


async def test_leaving_is_said_by_the_node_that_its_envoy_has(world: World) -> None:
    def told() -> list[str]:
        return [line for line in world.notes.told if "healthy" in line]

    async with streaming(world, []) as (stream, _):
        await asyncio.wait_for(stream.report_leaving(), 10)
        await until(lambda: told() == ["unhealthy sidecar~127.0.0.1~app.shop~shop.svc.cluster.local"])
        world.fleet.connections[0].end("UNAVAILABLE", "the control plane goes")
        await until(lambda: len(told()) == 2)
