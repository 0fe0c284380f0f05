"""Who is known to have the roots, from what their streams have acknowledged."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

from citadel.ca.acknowledgements import AWAY_FOR, REFRESH, Acknowledgement, AcknowledgementFiles, Presence
from envoycodec.discovery import Node
from pilot.identity.root_holders import AWAY, NOT_YET, RETURN_WITHIN, WITHOUT_STREAM, RootHolders, RootReporter
from pilot.mesh.context.proxy import Proxy
from pilot.server.connection import Connection
from pilot.xds.events import Requested
from pilot.xds.resources import SECRET
from pilot.xds.variant import XdsVariant
from tests.pilot.identity_world import ALICE, World, node, started

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def connect(world: World, name: str, **metadata: str) -> Connection[Proxy]:
    described = node(ALICE, name, **metadata)
    return world.fleet.open(Node(id=described["id"], metadata=described["metadata"]), XdsVariant.SOTW, "peer", ALICE)


def ask(connection: Connection[Proxy], nonce: str = "") -> None:
    connection.handle(Requested(SECRET, ("ROOTCA",), nonce=nonce))


def account(world: World, holders: RootHolders, now: datetime = NOW) -> Acknowledgement:
    return holders.account(world.fleet, world.identities.bundle, now)


def waiting(world: World, holders: RootHolders, now: datetime = NOW) -> dict[str, str]:
    return {node_id.split("~")[-2]: why for node_id, why in account(world, holders, now).waiting}


async def test_an_envoy_is_waited_for_until_it_acknowledges(tmp_path: Path) -> None:
    async with started(tmp_path) as world:
        holders = RootHolders(0, NOW)
        connection = connect(world, "stock")
        assert waiting(world, holders) == {}, "it asks for no roots"
        ask(connection)
        assert waiting(world, holders) == {"stock.shop": NOT_YET}
        ask(connection, nonce="1")
        assert waiting(world, holders) == {}
        assert account(world, holders).holders == 1


async def test_one_that_rejects_the_roots_has_not_acknowledged_them(tmp_path: Path) -> None:
    async with started(tmp_path) as world:
        connection = connect(world, "stock")
        ask(connection)
        connection.handle(Requested(SECRET, ("ROOTCA",), nonce="1", error="bad"))
        assert waiting(world, RootHolders(0, NOW)) == {"stock.shop": NOT_YET}


async def test_one_that_goes_away_without_the_roots_is_waited_for_a_while(tmp_path: Path) -> None:
    async with started(tmp_path) as world:
        holders = RootHolders(0, NOW)
        has, lacks = connect(world, "has"), connect(world, "lacks")
        ask(has)
        ask(has, nonce="1")
        ask(lacks)
        assert waiting(world, holders) == {"lacks.shop": NOT_YET}
        for connection in (has, lacks):
            world.fleet.close(connection)
        assert waiting(world, holders) == {"lacks.shop": AWAY}
        assert waiting(world, holders, NOW + AWAY_FOR * 2) == {}


async def test_an_agent_answers_for_its_envoy(tmp_path: Path) -> None:
    async with started(tmp_path) as world:
        holders = RootHolders(0, NOW)
        connect(world, "vm", AGENT_SECRETS="true")
        assert waiting(world, holders) == {"vm.shop": WITHOUT_STREAM}
        agent = connect(world, "vm", AGENT_SECRETS="true", AGENT="true")
        assert waiting(world, holders) == {"vm.shop": NOT_YET}
        ask(agent)
        assert waiting(world, holders) == {"vm.shop": NOT_YET}
        ask(agent, nonce="1")
        assert waiting(world, holders) == {}
        assert account(world, holders).holders == 1


async def test_an_agent_answers_for_its_envoy_at_an_address_of_the_other_family(tmp_path: Path) -> None:
    """Each is known by where its stream comes from; the replicas of one bootstrap have the same name."""
    async with started(tmp_path) as world:
        holders = RootHolders(0, NOW)

        def stream(address: str, replica: str, **metadata: str) -> Connection[Proxy]:
            described = node(ALICE, "vm", AGENT_SECRETS="true", AGENT_ID=replica, **metadata)
            seen = described["id"].replace("127.0.0.1", address)
            return world.fleet.open(Node(id=seen, metadata=described["metadata"]), XdsVariant.SOTW, "peer", ALICE)

        stream("fd00::1", "one")
        stream("fd00::2", "two")
        agent = stream("10.0.0.1", "one", AGENT="true")
        ask(agent)
        ask(agent, nonce="1")
        (waiting_for,) = account(world, holders).waiting
        assert waiting_for == ("sidecar~fd00::2~vm.shop~shop.svc.cluster.local", WITHOUT_STREAM)
        assert account(world, holders).holders == 1
        world.fleet.close(agent)
        assert [why for _, why in account(world, holders).waiting] == [WITHOUT_STREAM] * 2


async def test_those_without_identity_have_no_part(tmp_path: Path) -> None:
    async with started(tmp_path) as world:
        described = node(ALICE, "plain")
        world.fleet.open(Node(id=described["id"], metadata=described["metadata"]), XdsVariant.SOTW, "peer", None)
        assert account(world, RootHolders(0, NOW)) == Acknowledgement(account(world, RootHolders(0, NOW)).roots, 0)


async def test_a_control_plane_waits_after_its_restart_for_those_it_knew(tmp_path: Path) -> None:
    async with started(tmp_path) as world:
        files = AcknowledgementFiles(tmp_path, "this")
        before = RootReporter(files, NOW)
        connect(world, "one")
        await before.report(world.fleet, world.identities.bundle, NOW)
        before.close(NOW)
        told = files.own(NOW)
        assert told is not None
        assert (told.presence, told.acknowledgement.holders) == (Presence.ENDED, 1)
        world.fleet.close(world.fleet.connections[0])
        after = RootReporter(files, NOW)
        for moment, expected in ((NOW, 1), (NOW + RETURN_WITHIN, 0)):
            await after.report(world.fleet, world.identities.bundle, moment)
            told = files.own(moment)
            assert told is not None
            assert (told.presence, len(told.acknowledgement.waiting)) == (Presence.RUNNING, expected)


class SlowFiles(AcknowledgementFiles):
    """Files of a disk that takes until ``release`` to begin."""

    def __init__(self, state: Path) -> None:
        super().__init__(state, "this")
        self.begun, self.release = Event(), Event()

    def write(self, acknowledgement: Acknowledgement, now: datetime) -> None:
        if not acknowledgement.ended:
            self.begun.set()
            assert self.release.wait(10)
        super().write(acknowledgement, now)


async def test_that_it_ends_is_the_last_word_of_a_control_plane(tmp_path: Path) -> None:
    async with started(tmp_path) as world:
        files = SlowFiles(tmp_path)
        reporter = RootReporter(files, NOW)
        reporting = asyncio.create_task(reporter.report(world.fleet, world.identities.bundle, NOW))
        await asyncio.to_thread(files.begun.wait, 10)
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
        closing = asyncio.create_task(asyncio.to_thread(reporter.close, NOW))
        done, _ = await asyncio.wait({closing}, timeout=0.1)
        assert not done, "it waits for the report"
        files.release.set()
        await asyncio.wait_for(closing, 10)
        told = files.own(NOW)
        assert told is not None
        assert told.presence is Presence.ENDED


async def test_a_report_that_had_not_begun_is_not_written_after_the_end(tmp_path: Path) -> None:
    async with started(tmp_path) as world:
        files = AcknowledgementFiles(tmp_path, "this")
        reporter = RootReporter(files, NOW)
        await reporter.report(world.fleet, world.identities.bundle, NOW)
        reporter.close(NOW)
        await reporter.report(world.fleet, world.identities.bundle, NOW + REFRESH)
        told = files.own(NOW)
        assert told is not None
        assert told.presence is Presence.ENDED
