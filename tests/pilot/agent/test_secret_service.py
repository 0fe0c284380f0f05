"""Secrets over a Unix socket, as Envoy asks for them: one stream for each name, in both variants."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import GenericSecret, Secret
from envoy_data_plane.envoy.service.discovery.v3 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    DiscoveryRequest,
    DiscoveryResponse,
)

from envoycodec.construct import maker
from envoycodec.encode import encode_any
from envoycodec.upb import decode_upb, upb_class
from pilot.agent.credentials import Credentials, secrets_of
from pilot.agent.secret_service import SERVICE, SecretService
from pilot.xds.resources import CLUSTER, SECRET, EncodedResource, ResourceSet
from tests.pilot.agent.certified import credentials
from tests.pilot.server.conditions import until

FIRST, SECOND = credentials(), credentials()


@contextlib.asynccontextmanager
async def serving(secrets: ResourceSet, directory: Path, **options: float) -> AsyncIterator[SecretService]:
    running = SecretService(secrets, **options)
    await running.start(directory / "sds.sock")
    try:
        yield running
    finally:
        await running.stop()


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[SecretService]:
    async with serving(secrets_of(FIRST), tmp_path) as running:
        yield running


@pytest.fixture
async def channel(service: SecretService, tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"unix:{tmp_path / 'sds.sock'}") as opened:
        yield opened


class Asking:
    """One stream that asks for secrets; ``delta`` chooses the variant."""

    def __init__(self, channel: grpc.aio.Channel, *, delta: bool = False) -> None:
        self.delta = delta
        method = "DeltaSecrets" if delta else "StreamSecrets"
        self.call: grpc.aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(
            f"/{SERVICE}/{method}", bytes, bytes
        )(None)

    async def send(self, **fields: Any) -> None:
        request = upb_class(DeltaDiscoveryRequest if self.delta else DiscoveryRequest)(**{"type_url": SECRET, **fields})
        await self.call.write(request.SerializeToString())

    async def ask(self, *names: str) -> None:
        await self.send(**{"resource_names_subscribe" if self.delta else "resource_names": names})

    async def receive(self) -> Any:
        message = await asyncio.wait_for(self.call.read(), 10)
        assert isinstance(message, bytes), "the stream ended"
        return decode_upb(DeltaDiscoveryResponse if self.delta else DiscoveryResponse, message)

    def secrets(self, response: Any) -> list[Any]:
        return [decode_upb(Secret, (one.resource if self.delta else one).value) for one in response.resources]


def chain_of(secret: Any) -> bytes:
    return bytes(secret.tls_certificate.certificate_chain.inline_string, "ascii")


def key_of(secret: Any) -> bytes:
    return bytes(secret.tls_certificate.private_key.inline_string, "ascii")


def assert_is(secret: Any, held: Credentials) -> None:
    assert secret.name == "default"
    assert chain_of(secret) == held.svid.chain_pem
    assert key_of(secret) == held.svid.private_key.reveal()


@pytest.mark.parametrize("delta", [False, True])
async def test_each_stream_gets_what_it_names_and_the_next_as_soon_as_there_is_one(
    service: SecretService, channel: grpc.aio.Channel, delta: bool
) -> None:
    own, roots = Asking(channel, delta=delta), Asking(channel, delta=delta)
    await own.ask("default")
    await roots.ask("ROOTCA")
    response = await own.receive()
    (secret,) = own.secrets(response)
    assert_is(secret, FIRST)
    (trusted,) = roots.secrets(await roots.receive())
    assert trusted.validation_context.trusted_ca.inline_string.encode() == FIRST.bundle.pem
    acknowledged = {"response_nonce": response.nonce}
    if not delta:
        acknowledged |= {"version_info": response.version_info, "resource_names": ["default"]}
    await own.send(**acknowledged)
    service.publish(secrets_of(SECOND))
    (secret,) = own.secrets(await own.receive())
    assert_is(secret, SECOND)


async def test_one_who_comes_back_gets_what_is_held_now(service: SecretService, channel: grpc.aio.Channel) -> None:
    service.publish(secrets_of(SECOND))
    asking = Asking(channel)
    await asking.ask("default")
    (secret,) = asking.secrets(await asking.receive())
    assert_is(secret, SECOND)


async def test_a_name_that_is_nobodys_gets_no_secret(channel: grpc.aio.Channel) -> None:
    asking = Asking(channel)
    await asking.ask("spiffe://cluster.local/ns/default/sa/ratings", "ROOTCA")
    assert [secret.name for secret in asking.secrets(await asking.receive())] == ["ROOTCA"]


async def test_other_types_are_not_served(channel: grpc.aio.Channel) -> None:
    asking = Asking(channel)
    await asking.send(type_url=CLUSTER)
    assert await asyncio.wait_for(asking.call.code(), 10) is grpc.StatusCode.INVALID_ARGUMENT


async def test_nonsense_ends_its_own_stream_alone(channel: grpc.aio.Channel) -> None:
    asking, other = Asking(channel), Asking(channel)
    await asking.call.write(b"\xff\xff")
    assert await asyncio.wait_for(asking.call.code(), 10) is grpc.StatusCode.INVALID_ARGUMENT
    await other.ask("default")
    assert other.secrets(await other.receive())


@pytest.mark.parametrize("delta", [False, True])
async def test_an_envoy_that_takes_nothing_is_cut_off_and_holds_up_nobody(tmp_path: Path, delta: bool) -> None:
    value = maker(DataSource)(inline_bytes=b"x" * 16 * 1024 * 1024)
    large = encode_any(maker(Secret)(name="large", generic_secret=maker(GenericSecret)(secret=value)))
    secrets = ResourceSet(SECRET, [EncodedResource("large", "1", large), *secrets_of(FIRST)])
    unlimited = [("grpc.max_receive_message_length", -1)]  # as in Envoy
    async with (
        serving(secrets, tmp_path, send_timeout=0.2) as service,
        grpc.aio.insecure_channel(f"unix:{tmp_path / 'sds.sock'}", options=unlimited) as channel,
    ):
        stuck = Asking(channel, delta=delta)
        await stuck.ask("large")
        await until(lambda: service.open_streams == 1)
        await until(lambda: service.open_streams == 0)
        brisk = Asking(channel, delta=delta)
        await brisk.ask("default")
        (secret,) = brisk.secrets(await brisk.receive())
        assert_is(secret, FIRST)
        # Should it wake up after all, it learns that it has to come again.
        await stuck.receive()
        assert await asyncio.wait_for(stuck.call.code(), 10) is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_the_text_of_a_rejection_is_not_logged(
    service: SecretService, channel: grpc.aio.Channel, caplog: pytest.LogCaptureFixture
) -> None:
    asking = Asking(channel)
    await asking.ask("default")
    response = await asking.receive()
    with caplog.at_level(logging.ERROR):
        error = {"code": 3, "message": "I do not like -----BEGIN PRIVATE KEY-----"}
        await asking.send(resource_names=["default"], response_nonce=response.nonce, error_detail=error)
        service.publish(secrets_of(SECOND))
        await asking.receive()
    assert "rejected the secret default" in caplog.text
    assert "PRIVATE KEY" not in caplog.text


async def test_the_socket_is_for_this_user_alone_and_takes_the_place_of_one_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "sds.sock"
    path.write_text("left behind")
    service = SecretService(secrets_of(FIRST))
    await service.start(path)
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await service.stop()


async def test_a_path_that_is_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="at most 107 bytes"):
        await SecretService(secrets_of(FIRST)).start(tmp_path / ("x" * 100) / "sds.sock")
