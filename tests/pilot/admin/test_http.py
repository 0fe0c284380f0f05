"""The admin port, spoken to as curl and probes do, on each address family."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, redirect_stderr
from http import HTTPStatus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pilot.admin.http import AdminServer, Answer, Page, as_json, is_own_host
from pilot.settings import ListenAddress


def failing(_: Mapping[str, str]) -> Answer:
    raise KeyError("a secret of the inside")


PAGES: Mapping[str, Page] = {
    "/echo": lambda query: as_json(dict(query)),
    "/failing": failing,
    "/healthz": lambda _: Answer("ok\n"),
    "/teapot": lambda _: Answer("short", status=HTTPStatus.IM_A_TEAPOT),
}


@asynccontextmanager
async def serving(host: str = "127.0.0.1", hosts: tuple[str, ...] = ()) -> AsyncIterator[AdminServer]:
    server = AdminServer(ListenAddress(host=host, port=0), PAGES, hosts)
    try:
        yield server
    finally:
        await server.close()


async def ask(server: AdminServer, target: str, method: str = "GET", host: str = "127.0.0.1") -> tuple[int, str, str]:
    """Status, content type and body."""

    def speak() -> tuple[int, str, str]:
        connection = http.client.HTTPConnection(host, server.port, timeout=5)
        connection.request(method, target)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read().decode()

    return await asyncio.to_thread(speak)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_it_answers_on_ipv4_and_ipv6(host: str) -> None:
    if host == "::1" and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    async with serving(host) as server:
        assert (await ask(server, "/healthz", host=host))[::2] == (200, "ok\n")


async def test_a_page_is_given_its_query() -> None:
    async with serving() as server:
        status, kind, body = await ask(server, "/echo?proxyID=a%7Eb&empty=")
    assert (status, kind, json.loads(body)) == (200, "application/json", {"proxyID": "a~b", "empty": ""})


async def test_head_has_no_body() -> None:
    async with serving() as server:
        assert (await ask(server, "/healthz", "HEAD"))[::2] == (200, "")


@pytest.mark.parametrize(
    ("target", "method", "status", "text"),
    [
        ("/", "GET", 200, "/echo\n/failing\n/healthz\n/teapot\n"),
        ("/nowhere", "GET", 404, "/nowhere"),
        ("/failing", "GET", 500, "the log says why"),
        ("/healthz", "POST", 501, ""),
        ("/teapot", "GET", 418, "short"),
    ],
)
async def test_what_cannot_be_answered_says_why(target: str, method: str, status: int, text: str) -> None:
    async with serving() as server:
        found, _, body = await ask(server, target, method)
    assert found == status
    assert text in body
    assert "secret" not in body


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with serving() as server:
        with pytest.raises(OSError, match="in use"):
            AdminServer(ListenAddress(host="127.0.0.1", port=server.port), PAGES)


async def say(server: AdminServer, sent: bytes) -> bytes:
    """All that comes back for these bytes."""

    def speak() -> bytes:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as answer:
                return answer.read()

    return await asyncio.to_thread(speak)


def request_by(*headers: str) -> bytes:
    return "\r\n".join(["GET /healthz HTTP/1.1", *headers, "Connection: close", "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    "headers",
    [
        ("Host: 127.0.0.1",),
        ("Host: 127.0.0.9:15014",),
        ("Host: LocalHost.:1",),
        ("Host: [::1]:15014",),
        ("Host: Pilot.Example:15014",),
        ("Host: 10.0.0.7",),
        ("Host: localhost", "Origin: http://localhost:8000"),
        ("Host: localhost", "Origin: https://pilot.example"),
    ],
)
async def test_this_host_is_answered(headers: tuple[str, ...]) -> None:
    async with serving(hosts=("pilot.example", "10.0.0.7")) as server:
        assert (await say(server, request_by(*headers))).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "headers",
    [
        ("Host:",),
        ("Host: evil.example",),
        ("Host: 127.0.0.1.evil.example",),
        ("Host: localhost@evil.example",),
        ("Host: localhost/evil",),
        ("Host: localhost:x",),
        ("Host: 10.0.0.8",),
        ("Host: 0.0.0.0",),
        ("Host: [::1",),
        ("Host: localhost", "Origin: http://evil.example"),
        ("Host: localhost", "Origin: null"),
        ("Host: localhost", "Origin: "),
    ],
)
async def test_another_host_is_told_what_to_do(headers: tuple[str, ...]) -> None:
    async with serving(hosts=("pilot.example", "10.0.0.7")) as server:
        answer = await say(server, request_by(*headers))
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"--admin-host NAME" in answer
    assert b"ok" not in answer.partition(b"\r\n\r\n")[2].split()


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
async def test_where_all_addresses_are_listened_on_the_one_that_was_asked_is_this_host(address: str) -> None:
    assert is_own_host("10.0.0.7", (address,), "10.0.0.7")
    assert not is_own_host("10.0.0.8", (address,), "10.0.0.7")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://[\r\n\r\n",
        b"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/x\r\n\r\n",
        b"GET /\x1b[31m x y HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
async def test_garbage_is_a_line_of_the_log(sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as server:
        answer = await say(server, sent)
    assert b" 400 " in answer.split(b"\r\n")[0]
    (record,) = caplog.records
    assert record.exc_info is None
    assert record.getMessage().isprintable()


@given(st.binary(max_size=200))
@settings(max_examples=40, deadline=None)
def test_no_bytes_make_a_traceback(sent: bytes) -> None:
    async def speak() -> tuple[bytes, str]:
        written = io.StringIO()
        async with serving() as server:
            with redirect_stderr(written):
                answer = await say(server, sent)
        return answer, written.getvalue()

    answer, errors = asyncio.run(speak())
    assert errors == ""
    assert not answer or answer.startswith(b"HTTP/1.")


async def test_a_clients_reset_is_silent(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    def reset(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(b"GET /hea")

    async with serving() as server:
        await asyncio.to_thread(reset, server.port)
        assert (await ask(server, "/healthz"))[0] == 200
    assert caplog.records == []
    assert capsys.readouterr().err == ""
