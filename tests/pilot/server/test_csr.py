"""The certificate service: whose key is signed, for whom, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from citadel.certificate_service import SERVICE as CSR_SERVICE
from citadel.certificate_service import CertificateRequest
from citadel.x509 import decode_certificates, generate_private_key
from tests.citadel.ca.hostile_requests import hostile_requests
from tests.pilot.identity_world import ALICE, World, create_certificate, key_request, started


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with started(tmp_path) as running:
        yield running


async def test_a_signing_request_is_signed_for_who_proved_to_be(world: World) -> None:
    chain = await create_certificate(world, key_request(generate_private_key()), world.token(), validity_duration=600)
    leaf, *_ = decode_certificates(chain[0].encode())
    assert leaf.spiffe_ids == (str(ALICE),)
    assert leaf.not_after - datetime.now(UTC) <= timedelta(seconds=600)
    assert chain[-1].encode() == world.roots
    assert all(one.endswith("\n") and one.count("BEGIN") == 1 for one in chain[:-1])


@pytest.mark.parametrize(
    ("csr", "token", "fields", "status"),
    [
        (b"nonsense", True, {}, grpc.StatusCode.INVALID_ARGUMENT),
        (b"", True, {}, grpc.StatusCode.INVALID_ARGUMENT),
        (b"", False, {}, grpc.StatusCode.UNAUTHENTICATED),
        (None, True, {"validity_duration": 2**62}, grpc.StatusCode.INVALID_ARGUMENT),
        (None, True, {"metadata": {"ImpersonatedIdentity": "x"}}, grpc.StatusCode.PERMISSION_DENIED),
    ],
)
async def test_what_is_not_signed(
    world: World, csr: bytes | None, token: bool, fields: dict[str, Any], status: grpc.StatusCode
) -> None:
    if csr is None:
        csr = key_request(generate_private_key())
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await create_certificate(world, csr, world.token() if token else None, **fields)
    assert refusal.value.code() is status
    assert "x509" not in str(refusal.value.details())


async def test_every_hostile_request_is_refused_with_the_same_words(world: World) -> None:
    """Over the real port, so the largest, too; what is wrong with each stands in the audit log alone."""
    answers = set()
    in_text = [csr for csr in hostile_requests().values() if csr.isascii()]  # a message of this kind holds no others
    assert len(in_text) > 30
    for csr in in_text:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await create_certificate(world, csr, world.token())
        answers.add((refusal.value.code(), refusal.value.details()))
    assert answers == {(grpc.StatusCode.INVALID_ARGUMENT, "certificate signing request refused")}


async def test_bytes_that_are_no_message_are_refused(world: World) -> None:
    credentials = grpc.ssl_channel_credentials(world.roots)
    async with grpc.aio.secure_channel(f"127.0.0.1:{world.server.ports[0]}", credentials) as channel:
        call = channel.unary_unary(f"/{CSR_SERVICE}/CreateCertificate", bytes, bytes)
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await call(b"\xff\xff", metadata=(("authorization", world.token()),), timeout=10)
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_certificate_renews_itself(world: World) -> None:
    key = generate_private_key()
    first = await create_certificate(world, key_request(key), world.token())
    credentials = grpc.ssl_channel_credentials(world.roots, key.reveal(), "".join(first[:-1]).encode())
    second = await create_certificate(world, key_request(key), None, credentials=credentials, port=1)
    old, new = (decode_certificates(chain[0].encode())[0] for chain in (first, second))
    assert old.spiffe_ids == new.spiffe_ids == (str(ALICE),)
    assert old.serial_number != new.serial_number


async def test_nothing_is_signed_in_plaintext(world: World) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{world.server.ports[2]}") as channel:
        call = channel.unary_unary(f"/{CSR_SERVICE}/CreateCertificate", bytes, bytes)
        request = CertificateRequest(csr=key_request(generate_private_key()).decode()).SerializeToString()
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await call(request, metadata=(("authorization", world.token()),), timeout=10)
    assert refusal.value.code() is grpc.StatusCode.UNAUTHENTICATED
