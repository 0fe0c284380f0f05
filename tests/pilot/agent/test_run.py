"""What an agent watches while its Envoy runs, and how it takes up roots."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from citadel.ca.keystore import Keystore
from citadel.ca.roots import prepare_root
from pilot.agent.certificate_client import CertificateClient
from pilot.agent.credential_files import CredentialFiles
from pilot.agent.credentials import ServiceAccount, secrets_of
from pilot.agent.enrolment import Enrolment, JoinFiles
from pilot.agent.run import take_up_roots, work_until
from pilot.agent.secret_service import SecretService
from tests.pilot.identity_world import ALICE, World, started

WORKLOAD = ServiceAccount(ALICE.namespace, ALICE.service_account)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with started(tmp_path / "state") as running:
        yield running


async def test_roots_that_cannot_be_saved_are_not_taken_up_until_they_can(world: World, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(world.token().removeprefix("Bearer "))
    (tmp_path / "roots").write_bytes(world.roots)
    tokens, certificates, _ = world.server.ports
    client = CertificateClient(f"127.0.0.1:{tokens}", f"127.0.0.1:{certificates}")
    enrolment = Enrolment(WORKLOAD, client, JoinFiles(tmp_path / "roots", tmp_path / "token"), random=lambda: 0.5)
    held = await enrolment.renew(datetime.now(UTC))
    files, service = CredentialFiles(tmp_path / "agent"), SecretService(secrets_of(held))
    files.save(held)
    prepared = Keystore(world.state).update(lambda state: prepare_root(state, datetime.now(UTC)))
    both = prepared.bundle.pem

    shutil.rmtree(files.directory)
    for _ in range(2):  # that they are trusted already is no reason to acknowledge them
        with pytest.raises(ValueError, match="cannot be saved"):
            await take_up_roots(both, enrolment, files, service)
        assert enrolment.credentials is not None
        assert enrolment.credentials.bundle.pem == both
    files.directory.mkdir(mode=0o700)
    await take_up_roots(both, enrolment, files, service)
    again = CredentialFiles(files.directory).load(WORKLOAD, datetime.now(UTC))
    assert again is not None
    assert again.bundle.pem == both


async def fail() -> None:
    raise RuntimeError("an error of ours")


@pytest.mark.parametrize("place", [0, 1])
async def test_an_agent_does_not_live_on_without_one_of_its_chores(place: int) -> None:
    chores = [asyncio.create_task(asyncio.sleep(60)) for _ in range(2)]
    chores[place].cancel()
    chores[place] = asyncio.create_task(fail())
    with pytest.raises(RuntimeError, match="ours"):
        await asyncio.wait_for(work_until(asyncio.Event(), chores), 10)
    for chore in chores:
        chore.cancel()


async def test_it_works_until_it_is_told_to_stop() -> None:
    stop, chore = asyncio.Event(), asyncio.create_task(asyncio.sleep(60))
    stop.set()
    await asyncio.wait_for(work_until(stop, [chore]), 10)
    assert not chore.done()
    chore.cancel()
