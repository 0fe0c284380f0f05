"""The agent's call against a control plane: by token first, then by certificate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from citadel.identity import BearerToken
from citadel.x509 import build_signing_request, generate_private_key
from pilot.agent.certificate_client import CertificateClient, Proof, SigningError
from pilot.agent.credentials import ServiceAccount, accept_response
from tests.pilot.identity_world import ALICE, BOB, World, started

ALICES = ServiceAccount(ALICE.namespace, ALICE.service_account)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with started(tmp_path) as running:
        yield running


def client_of(world: World, server_name: str = "") -> CertificateClient:
    tokens, certificates, _ = world.server.ports
    return CertificateClient(f"127.0.0.1:{tokens}", f"127.0.0.1:{certificates}", server_name)


def by_token(world: World, *, once: bool = False, ttl: float = 60.0) -> Proof:
    return Proof(BearerToken(world.token(once=once, ttl=ttl).removeprefix("Bearer ")), world.roots)


async def test_a_one_time_token_is_needed_once(world: World) -> None:
    client, proof = client_of(world), by_token(world, once=True)
    for _ in range(3):
        key = generate_private_key()
        elements = await client.sign(build_signing_request(key), proof, 600)
        held = accept_response(elements, key, ALICES, datetime.now(UTC))
        assert held.svid.id == ALICE
        proof = Proof(held.svid, held.bundle.pem)


async def test_a_token_used_before_is_refused(world: World) -> None:
    client, proof = client_of(world), by_token(world, once=True)
    csr = build_signing_request(generate_private_key())
    await client.sign(csr, proof, 0)
    with pytest.raises(SigningError, match="UNAUTHENTICATED") as refusal:
        await client.sign(csr, proof, 0)
    assert refusal.value.is_refusal


async def test_what_is_asked_wrongly_is_no_refusal_of_the_proof(world: World) -> None:
    foreign = build_signing_request(generate_private_key(), BOB)
    with pytest.raises(SigningError, match="INVALID_ARGUMENT") as refusal:
        await client_of(world).sign(foreign, by_token(world), 0)
    assert not refusal.value.is_refusal


async def test_a_server_of_another_name_gets_no_token(world: World) -> None:
    with pytest.raises(SigningError, match="UNAVAILABLE") as failure:
        await client_of(world, "other.example").sign(b"", by_token(world), 0)
    assert not failure.value.is_refusal
