"""Connections without a network: pushes that never queue, who is told, and what is counted."""

from __future__ import annotations

import asyncio
import logging

import pytest

from envoycodec.discovery import Node
from pilot.server.fleet import Connection, Fleet
from pilot.server.status import Rejection, SyncState
from pilot.xds.events import DeltaRequested, Requested
from pilot.xds.resources import CLUSTER, HEALTH, ResourceSnapshot, TypeUrl
from pilot.xds.variant import XdsVariant
from tests.pilot.xds.dialogue import snapshot

ONE = snapshot(clusters={"a": "1"})
TWO = snapshot(clusters={"a": "2"})


class Mesh:
    """A fleet whose snapshots and callbacks a test can see."""

    def __init__(self, current: ResourceSnapshot = ONE) -> None:
        self.current = current
        self.asked: list[str] = []
        self.rejections: list[Rejection] = []
        self.gone: list[int] = []
        self.fleet: Fleet[str] = Fleet(
            read_node=lambda node: node.id,
            snapshot_of=self.snapshot_of,
            on_disconnect=lambda connection: self.gone.append(connection.number),
            on_rejection=lambda _, rejections: self.rejections.extend(rejections),
            clock=lambda: 1000.0,
        )

    def snapshot_of(self, proxy: str) -> ResourceSnapshot:
        self.asked.append(proxy)
        if proxy == "broken":
            raise RuntimeError("a bug")
        return self.current

    def connect(self, name: str = "p", protocol: XdsVariant = XdsVariant.SOTW) -> Connection[str]:
        return self.fleet.open(Node(id=name), protocol, "peer")


async def pushed(fleet: Fleet[str]) -> None:
    """Run the pusher until nobody waits."""
    pushes = asyncio.create_task(fleet.push_forever())
    await asyncio.wait_for(fleet.wait_pushed(), 10)
    pushes.cancel()


async def test_a_connection_is_given_its_snapshot_and_answered() -> None:
    mesh = Mesh()
    connection = mesh.connect()
    connection.handle(Requested(CLUSTER))
    assert len(connection.outbox) == 1
    assert connection.wake.is_set()


async def test_publications_in_a_row_are_one_push_of_the_newest() -> None:
    mesh = Mesh()
    connection = mesh.connect()
    connection.handle(Requested(CLUSTER))
    connection.handle(Requested(CLUSTER, nonce="1"))
    mesh.asked.clear()
    for n in range(100):
        mesh.current = snapshot(clusters={"a": str(n)})
        mesh.fleet.publish()
    await pushed(mesh.fleet)
    assert mesh.asked == ["p"]
    assert len(connection.outbox) == 2
    assert b"99" in connection.outbox[-1]


async def test_a_publication_while_its_turn_is_due_keeps_its_place() -> None:
    mesh = Mesh()
    for name in ("p", "q", "r"):
        mesh.connect(name)
    mesh.asked.clear()
    mesh.fleet.publish()
    mesh.fleet.publish()
    await pushed(mesh.fleet)
    assert mesh.asked == ["p", "q", "r"]


async def test_the_same_snapshot_costs_nothing() -> None:
    mesh = Mesh()
    connection = mesh.connect()
    connection.handle(Requested(CLUSTER))
    connection.handle(Requested(CLUSTER, nonce="1"))
    mesh.fleet.publish()
    await pushed(mesh.fleet)
    assert mesh.fleet.counters.pushes == 0
    assert mesh.fleet.counters.responses == 1


async def test_a_slow_client_has_at_most_one_response_per_type_waiting() -> None:
    mesh = Mesh()
    connection = mesh.connect()
    connection.handle(Requested(CLUSTER))
    for n in range(20):
        mesh.current = snapshot(clusters={"a": str(n)})
        mesh.fleet.publish()
        await pushed(mesh.fleet)
    assert len(connection.outbox) == 1


async def test_others_run_between_the_connections_of_a_push() -> None:
    mesh = Mesh()
    for n in range(50):
        mesh.connect(str(n))
    mesh.asked.clear()
    mesh.fleet.publish()
    pushes = asyncio.create_task(mesh.fleet.push_forever())
    seen = []
    while len(mesh.asked) < 50:
        await asyncio.sleep(0)
        seen.append(len(mesh.asked))
    pushes.cancel()
    steps = [after - before for before, after in zip([0, *seen], seen, strict=False)]
    assert max(steps) == 1


async def test_a_snapshot_that_fails_leaves_the_others_theirs(caplog: pytest.LogCaptureFixture) -> None:
    mesh = Mesh()
    with caplog.at_level(logging.ERROR):
        mesh.connect("broken")
        healthy = mesh.connect("p")
        healthy.handle(Requested(CLUSTER))
        mesh.current = TWO
        mesh.fleet.publish()
        await pushed(mesh.fleet)
    assert "no snapshot for broken" in caplog.text
    healthy.handle(Requested(CLUSTER, nonce="1"))
    assert len(healthy.outbox) == 2


async def test_a_closed_connection_is_not_pushed_to_and_told_of_once() -> None:
    mesh = Mesh()
    connection = mesh.connect()
    mesh.asked.clear()
    mesh.fleet.publish()
    mesh.fleet.close(connection)
    mesh.fleet.close(connection)
    await pushed(mesh.fleet)
    assert mesh.asked == []
    assert mesh.gone == [1]


async def test_a_proxy_that_cannot_be_admitted_leaves_nothing_behind() -> None:
    mesh = Mesh()

    def refuse(connection: Connection[str]) -> None:
        raise ValueError("no such WorkloadGroup")

    mesh.fleet._on_connect = refuse
    with pytest.raises(ValueError, match="no such WorkloadGroup"):
        mesh.connect()
    assert mesh.fleet.connections == ()


async def test_a_stopping_fleet_ends_streams_also_those_that_come_late() -> None:
    mesh = Mesh()
    early = mesh.connect()
    mesh.fleet.stop()
    late = mesh.connect()
    for connection in (early, late):
        assert connection.ending is not None
        assert connection.ending.status == "UNAVAILABLE"


async def test_an_abort_of_the_stream_ends_the_connection_for_the_first_reason() -> None:
    connection = Mesh().connect()
    connection.handle(Requested(TypeUrl("")))
    connection.end("OK", "")
    assert connection.ending is not None
    assert connection.ending.status == "INVALID_ARGUMENT"


@pytest.mark.parametrize("protocol", XdsVariant)
async def test_the_status_follows_a_type_from_sent_to_acknowledged(protocol: XdsVariant) -> None:
    mesh = Mesh()
    connection = mesh.connect(protocol=protocol)

    def says(nonce: str = "", error: str | None = None) -> SyncState:
        if protocol is XdsVariant.SOTW:
            connection.handle(Requested(CLUSTER, nonce=nonce, error=error))
        else:
            connection.handle(DeltaRequested(CLUSTER, nonce=nonce, error=error))
        return mesh.fleet.status()[0].types[CLUSTER].state

    assert mesh.fleet.status()[0].types == {}
    assert says() is SyncState.STALE
    assert says("1") is SyncState.SYNCED
    connection.publish(TWO)
    assert says("2", "a: no") is SyncState.NACK
    refused = mesh.fleet.status()[0].types[CLUSTER].rejections
    assert refused == (Rejection("a", "2", "a: no", (), 1000.0),)
    assert mesh.rejections == list(refused)
    connection.publish(ONE)
    assert says("3") is SyncState.SYNCED
    assert mesh.fleet.status()[0].types[CLUSTER].rejections == ()


async def test_what_a_returning_client_holds_counts_as_sent() -> None:
    mesh = Mesh()
    connection = mesh.connect()
    connection.handle(Requested(CLUSTER, version=ONE.of(CLUSTER).version))
    status = mesh.fleet.status()[0].types[CLUSTER]
    assert status.state is SyncState.SYNCED
    assert status.acked_version == status.sent_version == ONE.of(CLUSTER).version
    assert mesh.fleet.counters.responses == 0


async def test_what_is_written_is_counted() -> None:
    mesh = Mesh(snapshot(clusters={"a": "1"}))
    for _ in range(3):
        mesh.connect().handle(Requested(CLUSTER))
    counters = mesh.fleet.counters
    sizes = [len(connection.outbox[0]) for connection in mesh.fleet.connections]
    assert (counters.responses, counters.bytes, counters.connections) == (3, sum(sizes), 3)
    assert mesh.fleet.encoder.joins == 1


async def test_the_fleet_is_ready_after_the_first_publication() -> None:
    fleet = Mesh().fleet
    assert not fleet.is_ready
    fleet.publish()
    await asyncio.wait_for(fleet.wait_ready(), 1)
    assert fleet.is_ready


@pytest.mark.parametrize("protocol", list(XdsVariant))
async def test_a_report_of_health_is_told_and_not_answered(protocol: XdsVariant) -> None:
    told: list[bool] = []
    fleet: Fleet[str] = Fleet(
        read_node=lambda node: node.id, snapshot_of=lambda _: ONE, on_health=lambda _, healthy: told.append(healthy)
    )
    connection = fleet.open(Node(id="p"), protocol, "peer")
    request = Requested if protocol is XdsVariant.SOTW else DeltaRequested
    connection.handle(request(HEALTH, error="probe failed"))
    connection.handle(request(HEALTH, error=""))
    connection.handle(request(HEALTH))
    assert told == [False, False, True]
    assert not connection.outbox
    assert connection.ending is None
