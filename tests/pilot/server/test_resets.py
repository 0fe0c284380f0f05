"""Clients that reset their connection at any byte of their first request are no event worth a traceback."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct

import grpc
import pytest

from envoycodec.upb import parse_json
from pilot.server.ads import SERVICE
from pilot.xds.resources import CLUSTER
from tests.pilot.server.ads_client import NODE, AdsClient
from tests.pilot.server.conditions import until
from tests.pilot.server.test_ads import World, clusters, serving

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADERS, _DATA, _RST, _SETTINGS = 1, 0, 3, 4


def frame(kind: int, payload: bytes, *, flags: int = 0, stream: int = 0) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def header(name: str, value: str) -> bytes:
    """A literal field of HPACK, never indexed."""
    return b"\x00" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()


def first_request() -> bytes:
    """The bytes of a stream's start, up to its first message."""
    from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryRequest  # noqa: PLC0415

    message = parse_json(DiscoveryRequest, {"typeUrl": CLUSTER, "node": NODE})
    fields = (
        header(":method", "POST"),
        header(":scheme", "http"),
        header(":path", f"/{SERVICE}/StreamAggregatedResources"),
        header(":authority", "localhost"),
        header("te", "trailers"),
        header("content-type", "application/grpc"),
    )
    data = b"\x00" + struct.pack(">I", len(message)) + message
    return b"".join(
        (
            _PREFACE,
            frame(_SETTINGS, b""),
            frame(_HEADERS, b"".join(fields), flags=4, stream=1),
            frame(_DATA, data, stream=1),
        )
    )


def reset_after(port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(sent)


async def test_a_reset_at_any_byte_is_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world = World(clusters(a="1"))
    world.fleet.publish()
    whole = first_request()
    ends = [*range(0, len(whole), 7), len(whole)]
    async with serving(world) as server:
        for cut in ends:
            await asyncio.to_thread(reset_after, server.port, whole[:cut])
            await asyncio.to_thread(reset_after, server.port, whole[:cut] + frame(_RST, b"\x00\x00\x00\x08", stream=1))
        async with AdsClient(server.port) as client:
            await client.send(CLUSTER, node=NODE)
            await client.receive()
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("ready", [True, False])
async def test_a_call_cancelled_at_once_is_no_traceback(caplog: pytest.LogCaptureFixture, ready: bool) -> None:
    world = World(clusters(a="1"))
    if ready:
        world.fleet.publish()
    async with serving(world) as server:
        for turns in (0, 1, 2, 5) * 5:
            async with AdsClient(server.port) as client:
                await client.send(CLUSTER, node=NODE)
                for _ in range(turns):
                    await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
    assert world.fleet.connections == ()


async def test_a_fault_of_ours_ends_its_stream_alone(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(name: str) -> None:
        raise RuntimeError(name)

    world = World(clusters(a="1"))
    world.fleet.publish()
    async with serving(world) as server, AdsClient(server.port) as well:
        await well.send(CLUSTER, node=NODE)
        await well.acknowledge(await well.receive())
        with monkeypatch.context() as patch:
            patch.setattr("pilot.server.ads.failpoint", fails)
            async with AdsClient(server.port) as client:
                assert (await client.status())[0] is grpc.StatusCode.INTERNAL
        await until(lambda: server.admission.open == 1)
        assert len(world.fleet.connections) == 1
    (record,) = (one for one in caplog.records if one.exc_info)
    assert "failed" in record.getMessage()
