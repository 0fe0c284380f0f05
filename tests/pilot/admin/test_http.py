"""The admin port, spoken to as curl and probes do, on each address family."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

import pytest

from pilot.admin.http import AdminServer, Answer, Page, as_json
from pilot.settings import ListenAddress


def failing(_: Mapping[str, str]) -> Answer:
    raise KeyError("a secret of the inside")


PAGES: Mapping[str, Page] = {
    "/echo": lambda query: as_json(dict(query)),
    "/failing": failing,
    "/healthz": lambda _: Answer("ok\n"),
    "/teapot": lambda _: Answer("short", status=HTTPStatus.IM_A_TEAPOT),
}


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[AdminServer]:
    server = AdminServer(ListenAddress(host=host, port=0), PAGES)
    try:
        yield server
    finally:
        server.close()


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
    with serving(host) as server:
        assert (await ask(server, "/healthz", host=host))[::2] == (200, "ok\n")


async def test_a_page_is_given_its_query() -> None:
    with serving() as server:
        status, kind, body = await ask(server, "/echo?proxyID=a%7Eb&empty=")
    assert (status, kind, json.loads(body)) == (200, "application/json", {"proxyID": "a~b", "empty": ""})


async def test_head_has_no_body() -> None:
    with serving() as server:
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
    with serving() as server:
        found, _, body = await ask(server, target, method)
    assert found == status
    assert text in body
    assert "secret" not in body


async def test_a_port_that_is_taken_is_an_error() -> None:
    with serving() as server, pytest.raises(OSError, match="in use"):
        AdminServer(ListenAddress(host="127.0.0.1", port=server.port), PAGES)
