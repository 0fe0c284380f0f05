"""Connections without a network: pushes that never queue, who is told, and what is counted."""

from __future__ import annotations

import asyncio
import logging

import pytest

from envoycodec.discovery import Node
from pilot.server.connection import Connection
from pilot.server.fleet import Fleet
from pilot.server.status import Rejection, SyncState
from pilot.xds.events import DeltaRequested, Requested
from pilot.xds.resources import CLUSTER, HEALTH, EncodedResource, ResourceSet, ResourceSnapshot, TypeUrl
from pilot.xds.variant import XdsVariant
from tests.pilot.server.served import Notes, SimpleMesh, named_mesh
from tests.pilot.xds.dialogue import snapshot

ONE = snapshot(clusters={"a": "1"})
TWO = snapshot(clusters={"a": "2"})


class Asked(SimpleMesh[str]):
    """Writes down for whom it is asked for a snapshot; of the proxy "broken" it cannot make any."""

    def __init__(self, snapshot: ResourceSnapshot) -> None:
        super().__init__(lambda node: node.id, snapshot)
        self.asked: list[str] = []

    def snapshot_of(self, proxy: str) -> ResourceSnapshot | None:
        self.asked.append(proxy)
        if proxy == "broken":
            raise RuntimeError("a bug")
        return super().snapshot_of(proxy)


class World:
    """A fleet whose mesh and observer a test can see."""

    def __init__(self, snapshot: ResourceSnapshot = ONE) -> None:
        self.mesh = Asked(snapshot)
        self.notes: Notes[str] = Notes()
        self.fleet = Fleet(self.mesh, self.notes, clock=lambda: 1000.0)

    def connect(self, name: str = "p", variant: XdsVariant = XdsVariant.SOTW) -> Connection[str]:
        return self.fleet.open(Node(id=name), variant, "peer")


async def pushed(fleet: Fleet[str]) -> None:
    """Run the pusher until nobody waits."""
    pushes = asyncio.create_task(fleet.push_forever())
    await asyncio.wait_for(fleet.wait_pushed(), 10)
    pushes.cancel()


async def test_a_connection_is_given_its_snapshot_and_answered() -> None:
    world = World()
    connection = world.connect()
    connection.handle(Requested(CLUSTER))
    assert len(connection.outbox.messages) == 1


async def test_publications_in_a_row_are_one_push_of_the_newest() -> None:
    world = World()
    connection = world.connect()
    connection.handle(Requested(CLUSTER))
    connection.handle(Requested(CLUSTER, nonce="1"))
    world.mesh.asked.clear()
    for n in range(100):
        world.mesh.snapshot = snapshot(clusters={"a": str(n)})
        world.fleet.publish()
    await pushed(world.fleet)
    assert world.mesh.asked == ["p"]
    assert len(connection.outbox.messages) == 2
    assert b"99" in connection.outbox.messages[-1]


async def test_a_publication_while_its_turn_is_due_keeps_its_place() -> None:
    world = World()
    for name in ("p", "q", "r"):
        world.connect(name)
    world.mesh.asked.clear()
    world.fleet.publish()
    world.fleet.publish()
    await pushed(world.fleet)
    assert world.mesh.asked == ["p", "q", "r"]


async def test_the_same_snapshot_costs_nothing() -> None:
    world = World()
    connection = world.connect()
    connection.handle(Requested(CLUSTER))
    connection.handle(Requested(CLUSTER, nonce="1"))
    world.fleet.publish()
    await pushed(world.fleet)
    assert world.fleet.counters.pushes == 0
    assert world.fleet.counters.responses == 1


async def test_a_slow_client_has_at_most_one_response_per_type_waiting() -> None:
    world = World()
    connection = world.connect()
    connection.handle(Requested(CLUSTER))
    for n in range(20):
        world.mesh.snapshot = snapshot(clusters={"a": str(n)})
        world.fleet.publish()
        await pushed(world.fleet)
    assert len(connection.outbox.messages) == 1


async def test_others_run_between_the_connections_of_a_push() -> None:
    world = World()
    for n in range(50):
        world.connect(str(n))
    world.mesh.asked.clear()
    world.fleet.publish()
    pushes = asyncio.create_task(world.fleet.push_forever())
    seen = []
    while len(world.mesh.asked) < 50:
        await asyncio.sleep(0)
        seen.append(len(world.mesh.asked))
    pushes.cancel()
    steps = [after - before for before, after in zip([0, *seen], seen, strict=False)]
    assert max(steps) == 1


async def test_a_snapshot_that_fails_leaves_the_others_theirs(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    with caplog.at_level(logging.ERROR):
        world.connect("broken")
        healthy = world.connect("p")
        healthy.handle(Requested(CLUSTER))
        world.mesh.snapshot = TWO
        world.fleet.publish()
        await pushed(world.fleet)
    assert "no snapshot for broken" in caplog.text
    healthy.handle(Requested(CLUSTER, nonce="1"))
    assert len(healthy.outbox.messages) == 2


async def test_a_closed_connection_is_not_pushed_to_and_told_of_once() -> None:
    world = World()
    connection = world.connect()
    world.mesh.asked.clear()
    world.fleet.publish()
    world.fleet.close(connection)
    world.fleet.close(connection)
    await pushed(world.fleet)
    assert world.mesh.asked == []
    assert world.notes.told == ["connected p", "disconnected p"]


async def test_a_proxy_that_cannot_be_admitted_leaves_nothing_behind() -> None:
    class Refusing(Notes[str]):
        def connected(self, connection: Connection[str]) -> None:
            raise ValueError("no such WorkloadGroup")

    fleet = Fleet(named_mesh(ONE), Refusing())
    with pytest.raises(ValueError, match="no such WorkloadGroup"):
        fleet.open(Node(id="p"), XdsVariant.SOTW, "peer")
    assert fleet.connections == ()


async def test_a_stopping_fleet_ends_streams_also_those_that_come_late() -> None:
    world = World()
    early = world.connect()
    world.fleet.stop()
    late = world.connect()
    for connection in (early, late):
        assert connection.outbox.ending is not None
        assert connection.outbox.ending.status == "UNAVAILABLE"


async def test_an_abort_of_the_stream_ends_the_connection_for_the_first_reason() -> None:
    connection = World().connect()
    connection.handle(Requested(TypeUrl("")))
    connection.end("OK", "")
    assert connection.outbox.ending is not None
    assert connection.outbox.ending.status == "INVALID_ARGUMENT"


@pytest.mark.parametrize("variant", XdsVariant)
async def test_the_status_follows_a_type_from_sent_to_acknowledged(variant: XdsVariant) -> None:
    world = World()
    connection = world.connect(variant=variant)

    def says(nonce: str = "", error: str | None = None) -> SyncState:
        if variant is XdsVariant.SOTW:
            connection.handle(Requested(CLUSTER, nonce=nonce, error=error))
        else:
            connection.handle(DeltaRequested(CLUSTER, nonce=nonce, error=error))
        return world.fleet.status()[0].types[CLUSTER].state

    assert world.fleet.status()[0].types == {}
    assert says() is SyncState.STALE
    assert says("1") is SyncState.SYNCED
    connection.publish(TWO)
    assert says("2", "a: no") is SyncState.NACK
    refused = world.fleet.status()[0].types[CLUSTER].rejections
    assert refused == (Rejection("a", "2", "a: no", (), 1000.0),)
    assert world.notes.rejections == list(refused)
    connection.publish(ONE)
    assert says("3") is SyncState.SYNCED
    assert world.fleet.status()[0].types[CLUSTER].rejections == ()


async def test_what_a_returning_client_holds_counts_as_sent() -> None:
    world = World()
    connection = world.connect()
    connection.handle(Requested(CLUSTER, version=ONE.of(CLUSTER).version))
    status = world.fleet.status()[0].types[CLUSTER]
    assert status.state is SyncState.SYNCED
    assert status.acked_version == status.sent_version == ONE.of(CLUSTER).version
    assert world.fleet.counters.responses == 0


async def test_what_is_written_is_counted() -> None:
    world = World(snapshot(clusters={"a": "1"}))
    for _ in range(3):
        world.connect().handle(Requested(CLUSTER))
    counters = world.fleet.counters
    sizes = [len(connection.outbox.messages[0]) for connection in world.fleet.connections]
    assert (counters.responses, counters.bytes, counters.connections) == (3, sum(sizes), 3)
    assert world.fleet.encoder.joins == 1


async def test_the_fleet_is_ready_after_the_first_publication() -> None:
    fleet = World().fleet
    assert not fleet.is_ready
    fleet.publish()
    await asyncio.wait_for(fleet.wait_ready(), 1)
    assert fleet.is_ready


@pytest.mark.parametrize("variant", XdsVariant)
async def test_a_report_of_health_is_told_and_not_answered(variant: XdsVariant) -> None:
    world = World()
    connection = world.connect(variant=variant)
    request = Requested if variant is XdsVariant.SOTW else DeltaRequested
    connection.handle(request(HEALTH, error="probe failed"))
    connection.handle(request(HEALTH, error=""))
    connection.handle(request(HEALTH))
    assert world.notes.told == ["connected p", "unhealthy p", "unhealthy p", "healthy p"]
    assert not connection.outbox.messages
    assert connection.outbox.ending is None


@pytest.mark.parametrize("variant", XdsVariant)
async def test_each_answer_is_told(variant: XdsVariant) -> None:
    world = World()
    connection = world.connect(variant=variant)
    request = Requested if variant is XdsVariant.SOTW else DeltaRequested
    connection.handle(request(CLUSTER))
    connection.handle(request(CLUSTER, nonce="1"))
    connection.publish(TWO)
    connection.handle(request(CLUSTER, nonce="2", error="a: no"))
    assert world.notes.told == ["connected p", "acked p CDS", "nacked p CDS"]


def rejected(caplog: pytest.LogCaptureFixture, *names: str, error: str, origins: int = 1) -> str:
    """The log line of one who rejects all of these clusters, each made from so many ``origins``."""
    made = [EncodedResource(n, "1", b"", tuple(f"{n}.yaml:{line}:1 spec" for line in range(origins))) for n in names]
    world = World(ResourceSnapshot([ResourceSet(CLUSTER, made)]))
    connection = world.connect()
    connection.handle(Requested(CLUSTER))
    with caplog.at_level(logging.WARNING):
        connection.handle(Requested(CLUSTER, nonce="1", error=error))
    return caplog.messages[-1]


async def test_the_log_names_the_places_that_a_rejected_resource_was_made_from(
    caplog: pytest.LogCaptureFixture,
) -> None:
    line = rejected(caplog, "a", "b", error="Error adding/updating cluster(s) b: no")
    assert line == "p (SotW, connection 1) rejected CDS b: Error adding/updating cluster(s) b: no (b.yaml:0:1 spec)"
    assert rejected(caplog, "a", error="a: no", origins=0).endswith(": a: no")


@pytest.mark.parametrize(("names", "origins"), [("abcdefgh", 1), ("a", 8)])
async def test_of_many_origins_the_log_names_the_first(
    caplog: pytest.LogCaptureFixture, names: str, origins: int
) -> None:
    line = rejected(caplog, *names, error="constraint validation failed", origins=origins)
    assert line.count(".yaml:") == 5
    assert line.endswith(", …)")
