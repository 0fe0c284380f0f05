"""Connections to the admin port are bounded: whoever holds many, asks nothing or takes nothing makes way."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from pilot.admin import connection
from pilot.admin.http import AdminServer, Answer, Page
from pilot.settings import ListenAddress
from tests.pilot.server.conditions import until

LARGE = 8 << 20
PAGES: Mapping[str, Page] = {"/healthz": lambda _: Answer("ok\n"), "/large": lambda _: Answer("x" * LARGE)}
ASK = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@asynccontextmanager
async def serving(
    monkeypatch: pytest.MonkeyPatch, *, most: int = 256, idle: float = 30.0
) -> AsyncIterator[AdminServer]:
    make = connection.bounded_protocol

    def bounded(config: Config, state: ServerState) -> Callable[[], asyncio.Protocol]:
        return make(config, state, most=most, idle_seconds=idle)

    monkeypatch.setattr("pilot.admin.http.bounded_protocol", bounded)
    server = AdminServer(ListenAddress(host="127.0.0.1", port=0), PAGES)
    try:
        yield server
    finally:
        await server.close()


async def is_answered(port: int) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ASK)
    line = await reader.readline()
    writer.close()
    return line.startswith(b"HTTP/1.1 200")


async def rest(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the other side ends it, in either way."""
    read = b""
    async with asyncio.timeout(10):
        with suppress(ConnectionError):
            while part := await reader.read(1 << 16):
                read += part
    return read


async def test_many_idle_connections_keep_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, most=20) as server:
        port = server.port
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
        for _ in range(3):
            assert await is_answered(port)
        for reader, _ in held[:40]:
            assert await rest(reader) == b""
        for _, writer in held:
            writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /hea", ASK, ASK + b"GET /hea"])
async def test_whoever_asks_nothing_more_is_let_go(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    async with serving(monkeypatch, idle=0.05) as server:
        port = server.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        answered = await rest(reader)
        assert answered.endswith(b"ok\n") if sent.startswith(ASK) else answered == b""
        writer.close()


async def test_whoever_takes_nothing_of_an_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, idle=0.1) as server:
        port = server.port
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client, ASK.replace(b"/healthz", b"/large"))
            await loop.sock_recv(client, 10)
            read = 0
            assert await is_answered(port)
            await until(lambda: server.connections == 0)
            with suppress(ConnectionError):  # what was on its way, and then the end
                while part := await loop.sock_recv(client, 1 << 20):
                    read += len(part)
        assert read < LARGE


async def test_an_answer_that_takes_long_is_awaited_by_who_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch, idle=0.2) as server:
        port = server.port
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
        writer.write(ASK.replace(b"/healthz", b"/large"))
        await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(20):
            assert len(await reader.readexactly(LARGE)) == LARGE
        writer.close()


async def test_a_request_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        with suppress(ConnectionError):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X: x\r\n" * 1_000_000)
            await writer.drain()
        answered = await rest(reader)
        assert not answered or answered.startswith(b"HTTP/1.1 400")
        await until(lambda: server.connections == 0)
