"""The admin port, spoken to over a socket as curl and probes do."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus

import pytest

from pilot.server import admin
from pilot.server.admin import (
    AdminServer,
    Answer,
    Page,
    PageError,
    Query,
    health_page,
    metrics_page,
    readiness_page,
    start_admin,
)


def echo(query: Query) -> object:
    return dict(query)


def missing(query: Query) -> object:
    raise PageError(HTTPStatus.NOT_FOUND, f"there is no proxy {query['proxyID']}")


def failing(_: Query) -> object:
    raise KeyError("a bug")


PAGES: Mapping[str, Page] = {"/echo": echo, "/missing": missing, "/failing": failing, "/healthz": health_page}


@contextlib.asynccontextmanager
async def serving(pages: Mapping[str, Page] = PAGES) -> AsyncIterator[AdminServer]:
    server = await start_admin("127.0.0.1", 0, pages)
    try:
        yield server
    finally:
        await server.stop()


async def speak(server: AdminServer, request: bytes) -> tuple[int, dict[str, str], str]:
    """Send bytes; the status, headers and body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    head, _, body = answer.decode().partition("\r\n\r\n")
    first, *rest = head.split("\r\n")
    return int(first.split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in rest)}, body


async def get(server: AdminServer, target: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
    return await speak(server, f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


async def test_a_page_is_answered_as_json_with_its_query() -> None:
    async with serving() as server:
        status, headers, body = await get(server, "/echo?proxyID=a%7Eb&empty=")
        assert (status, json.loads(body)) == (200, {"proxyID": "a~b", "empty": ""})
        assert headers["content-type"] == "application/json"
        assert int(headers["content-length"]) == len(body)


async def test_head_has_no_body() -> None:
    async with serving() as server:
        status, headers, body = await get(server, "/healthz", "HEAD")
        assert (status, body, headers["content-length"]) == (200, "", "3")


@pytest.mark.parametrize(
    ("target", "method", "status", "text"),
    [
        ("/nowhere", "GET", 404, "/nowhere"),
        ("/missing?proxyID=x", "GET", 404, "there is no proxy x"),
        ("/failing", "GET", 500, "log"),
        ("/echo", "POST", 405, "GET"),
        ("http://[", "GET", 400, ""),
        ("/", "GET", 200, "/echo\n/failing\n/healthz\n/missing\n"),
    ],
)
async def test_what_cannot_be_answered_says_why(target: str, method: str, status: int, text: str) -> None:
    async with serving() as server:
        found, _, body = await get(server, target, method)
        assert found == status
        assert text in body


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [(b"hello\r\n\r\n", 400), (b"GET / SPDY/9\r\n\r\n", 400), (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n", 431)],
)
async def test_what_is_not_http_is_refused(request_bytes: bytes, status: int) -> None:
    async with serving() as server:
        assert (await speak(server, request_bytes))[0] == status


async def test_a_client_that_leaves_or_says_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "_READ_TIMEOUT", 0.01)
    async with serving() as server:
        reader, _ = await asyncio.open_connection("127.0.0.1", server.port)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        assert (await get(server, "/healthz"))[0] == 200


async def test_readiness_follows_the_first_publication() -> None:
    ready: list[bool] = []
    async with serving({"/readyz": readiness_page(lambda: bool(ready))}) as server:
        assert (await get(server, "/readyz"))[0] == 503
        ready.append(True)
        assert (await get(server, "/readyz"))[0] == 200


async def test_metrics_are_prometheus_text() -> None:
    async with serving({"/metrics": metrics_page(lambda: "m 1\n")}) as server:
        _, headers, body = await get(server, "/metrics")
        assert body == "m 1\n"
        assert headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_an_answer_of_a_page_is_passed_on_as_it_is() -> None:
    async with serving({"/teapot": lambda _: Answer("short", HTTPStatus.IM_A_TEAPOT)}) as server:
        assert (await get(server, "/teapot"))[::2] == (418, "short")


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with serving() as server:
        with pytest.raises(OSError, match="address already in use"):
            await start_admin("127.0.0.1", server.port, PAGES)
