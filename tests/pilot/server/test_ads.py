"""The service over real streams: who is let in, what is written, how a stream ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from envoycodec.discovery import Node
from pilot.server.ads import AdsServer, start_ads
from pilot.server.fleet import Fleet
from pilot.server.transport import MAX_REQUEST
from pilot.settings import StreamLimits
from pilot.xds.resources import CLUSTER, ENDPOINT, EncodedResource, ResourceSet, ResourceSnapshot
from pilot.xds.stream import MAX_NAMES
from tests.pilot.server.ads_client import NODE, AdsClient
from tests.pilot.server.conditions import until
from tests.pilot.server.served import Notes, SimpleMesh
from tests.pilot.xds.dialogue import snapshot as contents

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def any_of(type_url: str, value: bytes = b"") -> bytes:
    """An encoded Any."""
    size = len(value)
    prefix = bytearray()
    while size > 0x7F:
        prefix.append(size & 0x7F | 0x80)
        size >>= 7
    prefix.append(size)
    url = type_url.encode()
    return b"\x0a" + bytes([len(url)]) + url + b"\x12" + bytes(prefix) + value


def clusters(**versions: str) -> ResourceSnapshot:
    found = [EncodedResource(name, version, any_of(CLUSTER)) for name, version in versions.items()]
    return ResourceSnapshot([ResourceSet(CLUSTER, found)])


class World:
    """A fleet of nodes that all get one snapshot."""

    def __init__(self, snapshot: ResourceSnapshot) -> None:
        self.mesh = SimpleMesh(read, snapshot)
        self.notes: Notes[str] = Notes()
        self.fleet = Fleet(self.mesh, self.notes)

    def publish(self, snapshot: ResourceSnapshot) -> None:
        self.mesh.snapshot = snapshot
        self.fleet.publish()


def read(node: Node) -> str:
    if node.id == "stranger":
        raise ValueError("a node id looks like type~address~name~domain")
    return node.id


@contextlib.asynccontextmanager
async def serving(world: World, **options: Any) -> AsyncIterator[AdsServer]:
    server = await start_ads("127.0.0.1:0", world.fleet, **options)
    try:
        yield server
    finally:
        await server.stop(grace=0.1)


@pytest.mark.parametrize("delta", [False, True])
async def test_a_client_is_served_and_kept_up_to_date(delta: bool) -> None:
    world = World(clusters(a="1"))
    world.fleet.publish()
    async with serving(world) as server, AdsClient(server.port, delta=delta) as client:
        await client.send(CLUSTER, node=NODE)
        first = await client.receive()
        assert len(first.resources) == 1
        await client.acknowledge(first)
        world.publish(clusters(a="1", b="1"))
        second = await client.receive()
        assert len(second.resources) == (1 if delta else 2)
        assert second.nonce != first.nonce
        await client.acknowledge(second)
        await until(lambda: world.fleet.counters.acks == 2)


async def test_connects_and_disconnects_are_told_with_the_proxy() -> None:
    world = World(clusters(a="1"))
    world.fleet.publish()
    async with serving(world) as server:
        async with AdsClient(server.port) as client:
            await client.send(CLUSTER, node=NODE)
            await client.receive()
            assert world.notes.told == [f"connected {NODE['id']}"]
        await until(lambda: world.notes.told == [f"connected {NODE['id']}", f"disconnected {NODE['id']}"])
        assert world.fleet.connections == ()


async def test_a_client_that_is_done_is_let_go() -> None:
    world = World(clusters(a="1"))
    world.fleet.publish()
    async with serving(world) as server, AdsClient(server.port) as client:
        await client.send(CLUSTER, node=NODE)
        await client.receive()
        await client.call.done_writing()
        assert (await client.status())[0] is grpc.StatusCode.OK


@pytest.mark.parametrize("node", [None, {}, {"cluster": "no id"}])
async def test_a_first_request_without_a_node_id_is_refused(node: dict[str, str] | None) -> None:
    world = World(clusters(a="1"))
    world.fleet.publish()
    async with serving(world) as server, AdsClient(server.port) as client:
        await client.send(CLUSTER, **({} if node is None else {"node": node}))
        code, text = await client.status()
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert "node" in text


async def test_a_node_that_cannot_be_served_is_told_why() -> None:
    world = World(clusters(a="1"))
    world.fleet.publish()
    async with serving(world) as server, AdsClient(server.port) as client:
        await client.send(CLUSTER, node={"id": "stranger"})
        code, text = await client.status()
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert "type~address~name~domain" in text
        assert world.notes.told == []


@pytest.mark.parametrize("position", ["first", "later"])
async def test_a_malformed_request_ends_the_stream(position: str) -> None:
    world = World(clusters(a="1"))
    world.fleet.publish()
    async with serving(world) as server, AdsClient(server.port) as client:
        if position == "later":
            await client.send(CLUSTER, node=NODE)
            await client.receive()
        await client.send_raw(b"\xff\xff\xff")
        assert (await client.status())[0] is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_request_that_is_too_large_ends_the_stream() -> None:
    world = World(clusters(a="1"))
    world.fleet.publish()
    async with serving(world) as server, AdsClient(server.port) as client:
        await client.send_raw(b"\0" * (MAX_REQUEST + 1))
        assert (await client.status())[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_client_that_comes_before_the_first_publication_waits_for_it() -> None:
    world = World(clusters())
    async with serving(world) as server, AdsClient(server.port) as client:
        await client.send(CLUSTER, node=NODE)
        world.publish(clusters(a="1"))
        assert len((await client.receive()).resources) == 1


async def test_a_client_that_waits_too_long_for_the_first_publication_is_sent_away() -> None:
    async with serving(World(clusters()), ready_timeout=0.01) as server, AdsClient(server.port) as client:
        await client.send(CLUSTER, node=NODE)
        assert (await client.status())[0] is grpc.StatusCode.UNAVAILABLE


async def test_a_client_that_takes_nothing_is_cut_off_and_holds_up_nobody() -> None:
    large = [EncodedResource(f"c{n}", "1", any_of(CLUSTER, b"\x0a" * 65536)) for n in range(400)]
    small = [EncodedResource("a", "1", any_of(ENDPOINT))]
    world = World(ResourceSnapshot([ResourceSet(CLUSTER, large), ResourceSet(ENDPOINT, small)]))
    world.fleet.publish()
    async with (
        serving(world, send_timeout=0.5) as server,
        AdsClient(server.port) as stuck,
        AdsClient(server.port) as brisk,
    ):
        await stuck.send(CLUSTER, node=NODE)
        await until(lambda: len(world.fleet.connections) == 1)
        await brisk.send(ENDPOINT, node=NODE, resourceNames=["a"])
        assert len((await brisk.receive()).resources) == 1
        await until(lambda: [c.number for c in world.fleet.connections] == [2])
        # Should it wake up after all, it learns that it has to come again.
        await stuck.receive()
        assert (await stuck.status())[0] is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_rejection_is_recorded_with_its_text() -> None:
    world = World(clusters(a="1", b="1"))
    world.fleet.publish()
    async with serving(world) as server, AdsClient(server.port) as client:
        await client.send(CLUSTER, node=NODE)
        await client.acknowledge(await client.receive(), versionInfo="", errorDetail={"code": 13, "message": "b: no"})
        await until(lambda: world.fleet.counters.nacks == 1)
        rejections = world.fleet.status()[0].types[CLUSTER].rejections
        assert [(r.name, r.message) for r in rejections] == [("b", "b: no")]


async def test_a_stopping_server_ends_its_streams_so_that_clients_go_elsewhere() -> None:
    world = World(clusters(a="1"))
    world.fleet.publish()
    server = await start_ads("127.0.0.1:0", world.fleet)
    async with AdsClient(server.port) as client:
        await client.send(CLUSTER, node=NODE)
        await client.receive()
        await server.stop(grace=10)
        assert (await client.status())[0] is grpc.StatusCode.UNAVAILABLE
        assert world.notes.told[-1] == f"disconnected {NODE['id']}"


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with serving(World(clusters())) as server:
        with pytest.raises(OSError, match="cannot listen"):
            await start_ads(f"127.0.0.1:{server.port}", World(clusters()).fleet)


async def test_a_hundred_clients_share_one_join() -> None:
    world = World(clusters(a="1", b="1"))
    world.fleet.publish()
    async with serving(world) as server, contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(AdsClient(server.port)) for _ in range(100)]
        for number, client in enumerate(clients):
            await client.send(CLUSTER, node={"id": NODE["id"].replace("app", f"app-{number}")})
        for client in clients:
            await client.acknowledge(await client.receive())
        assert world.fleet.encoder.joins == 1
        await until(lambda: world.fleet.counters.acks == 100)
        world.publish(clusters(a="2", b="1"))
        for client in clients:
            assert len((await client.receive()).resources) == 2
        assert world.fleet.encoder.joins == 2
        assert world.fleet.counters.pushes == 100
        world.publish(clusters(a="2", b="1"))
        await world.fleet.wait_pushed()
        assert world.fleet.counters.pushes == 100


async def test_empty_snapshots_are_served_too() -> None:
    world = World(contents())
    world.fleet.publish()
    async with serving(world) as server, AdsClient(server.port) as client:
        await client.send(CLUSTER, node=NODE)
        assert len((await client.receive()).resources) == 0


async def test_a_stream_that_never_speaks_is_ended() -> None:
    world = World(clusters(a="1"))
    world.fleet.publish()
    async with serving(world, limits=StreamLimits(first_request=0.2)) as server:
        async with AdsClient(server.port) as client:
            status, text = await client.status()
        assert (status, "no request" in text) == (grpc.StatusCode.DEADLINE_EXCEEDED, True)
        await until(lambda: server.admission.open == 0)


async def test_streams_beyond_a_limit_are_refused_told_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    world = World(clusters(a="1"))
    world.fleet.publish()
    async with (
        serving(world, limits=StreamLimits(total=2)) as server,
        AdsClient(server.port) as first,
        AdsClient(server.port) as second,
    ):
        for client in (first, second):
            await client.send(CLUSTER, node=NODE)
            await client.receive()
        async with AdsClient(server.port) as third:
            status, text = await third.status()
        assert status is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert text == "too many streams: 2 are open already; try again later"
        assert "refused a stream from ipv4:127.0.0.1" in caplog.text
        assert world.fleet.counters.refused == {"all": 1}
        first.call.cancel()
        await until(lambda: server.admission.open == 1)
        async with AdsClient(server.port) as fourth:
            await fourth.send(CLUSTER, node=NODE)
            await fourth.receive()


@pytest.mark.parametrize("delta", [False, True])
async def test_naming_resources_without_end_ends_the_stream(delta: bool) -> None:
    world = World(clusters(a="1"))
    world.fleet.publish()
    names = [str(number) for number in range(MAX_NAMES)]
    field = "resourceNamesSubscribe" if delta else "resourceNames"
    async with serving(world) as server, AdsClient(server.port, delta=delta) as client:
        await client.send(ENDPOINT, node=NODE, **{field: names})
        if delta:  # one more, in a request that is small by itself
            await client.send(ENDPOINT, **{field: ["one more"]})
        else:
            await client.send(ENDPOINT, **{field: [*names, "one more"]})
        with contextlib.suppress(grpc.aio.AioRpcError):
            while await asyncio.wait_for(client.call.read(), 10):
                """What is answered before."""
        status, text = await client.status()
    assert status is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(MAX_NAMES) in text


async def test_headers_without_end_do_not_reach_us() -> None:
    world = World(clusters(a="1"))
    world.fleet.publish()
    async with serving(world) as server, AdsClient(server.port, token="x" * 60_000) as client:
        assert (await client.status())[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert world.fleet.counters.connections == 0
        assert server.admission.open == 0


async def test_silent_connections_leave_room_for_others() -> None:
    """Sockets that are opened and say nothing take none of the streams."""
    world = World(clusters(a="1"))
    world.fleet.publish()
    async with serving(world, limits=StreamLimits(total=5)) as server:
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(100)]
        try:
            async with AdsClient(server.port) as client:
                await client.send(CLUSTER, node=NODE)
                await client.receive()
        finally:
            for _, writer in silent:
                writer.close()


async def test_connections_beyond_what_streams_could_need_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilot.server.transport._UNSERVED_CALLS", 3)
    world = World(clusters(a="1"))
    world.fleet.publish()
    async with serving(world, limits=StreamLimits(total=2)) as server:
        connections = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(10)]
        # Whoever is let in is greeted with HTTP/2 settings.
        greetings = [await asyncio.wait_for(reader.read(9), 10) for reader, _ in connections]
        for _, writer in connections:
            writer.close()
        assert sorted(map(bool, greetings)) == [False] * 5 + [True] * 5
