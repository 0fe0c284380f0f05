"""The admin port: health, metrics and debugging pages over HTTP/1.1, for people and probes on the same host.

It answers GET and HEAD, one request per connection, and knows no page but those it is given.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

log = logging.getLogger(__name__)

Query = Mapping[str, str]
Page = Callable[[Query], Any]
"""A page: its query parameters in, what JSON can say (or an Answer) out. It may raise PageError."""

_MAX_HEAD = 16 * 1024
_READ_TIMEOUT = 10.0
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class PageError(Exception):
    """What was asked for cannot be shown; the text says why."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the client."""

    body: str
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = TEXT


@dataclass(frozen=True, slots=True)
class AdminServer:
    """An admin port that listens. ``port`` is the one bound, also when 0 was asked for."""

    port: int
    _server: asyncio.Server

    async def stop(self) -> None:
        """Stop listening. Requests under way are answered."""
        self._server.close()
        await self._server.wait_closed()


def health_page(_: Query) -> Answer:
    """``/healthz``: the process lives and its event loop turns."""
    return Answer("ok\n")


def readiness_page(is_ready: Callable[[], bool]) -> Page:
    """``/readyz``: 200 once there is something to serve, 503 before."""

    def page(_: Query) -> Answer:
        if is_ready():
            return Answer("ready\n")
        return Answer("there is no accepted configuration yet\n", HTTPStatus.SERVICE_UNAVAILABLE)

    return page


def metrics_page(render: Callable[[], str]) -> Page:
    """``/metrics``: Prometheus' text format."""
    return lambda _: Answer(render(), content_type=PROMETHEUS)


async def start_admin(host: str, port: int, pages: Mapping[str, Page]) -> AdminServer:
    """Listen on ``host:port`` and answer ``pages``, by path. Raises OSError when the address cannot be bound.

    ``/`` lists the paths. Pages run in the event loop, so that what they read does not change meanwhile.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _serve(reader, writer, pages)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass  # The client went away, or said nothing.
        finally:
            writer.close()

    server = await asyncio.start_server(serve, host, port, limit=_MAX_HEAD)
    return AdminServer(server.sockets[0].getsockname()[1], server)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pages: Mapping[str, Page]) -> None:
    method, answer = "GET", Answer("the head of the request is too long\n", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    try:
        async with asyncio.timeout(_READ_TIMEOUT):
            head = await reader.readuntil(b"\r\n\r\n")
        method, answer = _answer(head, pages)
    except asyncio.LimitOverrunError:
        pass
    body = answer.body.encode()
    headers = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n"
        f"Content-Type: {answer.content_type}\r\nContent-Length: {len(body)}\r\n"
        "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    writer.write(headers.encode() + (b"" if method == "HEAD" else body))
    async with asyncio.timeout(_READ_TIMEOUT):
        await writer.drain()


def _answer(head: bytes, pages: Mapping[str, Page]) -> tuple[str, Answer]:
    parts = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        return "GET", Answer("this is an HTTP/1.1 server\n", HTTPStatus.BAD_REQUEST)
    method, target, _ = parts
    if method not in ("GET", "HEAD"):
        return method, Answer("only GET and HEAD\n", HTTPStatus.METHOD_NOT_ALLOWED)
    try:
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
    except ValueError as error:
        return method, Answer(f"{error}\n", HTTPStatus.BAD_REQUEST)
    if url.path == "/":
        return method, Answer("".join(f"{path}\n" for path in sorted(pages)))
    page = pages.get(url.path)
    if page is None:
        return method, Answer(f"there is no page {url.path}; / lists them\n", HTTPStatus.NOT_FOUND)
    return method, _render(page, query)


def _render(page: Page, query: Query) -> Answer:
    try:
        found = page(query)
        if isinstance(found, Answer):
            return found
        return Answer(json.dumps(found, indent=2, default=str) + "\n", content_type=JSON)
    except PageError as error:
        return Answer(f"{error}\n", error.status)
    except Exception:
        log.exception("an admin page failed")
        return Answer("the page failed; the log says why\n", HTTPStatus.INTERNAL_SERVER_ERROR)
