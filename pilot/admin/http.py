"""The admin port: health, metrics and debugging over HTTP, for people and scripts on the same host.

A thread of the standard library's server reads requests; answers are made in the event loop, where the state lives.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6
from socketserver import TCPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pilot.settings import ListenAddress

log = logging.getLogger(__name__)

_TIMEOUT = 30.0
"""Seconds: for a client to speak, and for the event loop to make a page."""

JSON, TEXT = "application/json", "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page answers with."""

    body: str
    content_type: str = TEXT
    status: HTTPStatus = HTTPStatus.OK


Page = Callable[[Mapping[str, str]], Answer]
"""Makes the answer of a path from its query parameters; called in the event loop."""


def as_json(value: Any) -> Answer:
    """``value`` as an indented JSON document."""
    return Answer(json.dumps(value, indent=2) + "\n", JSON)


class AdminServer:
    """Serves ``pages`` by path on ``address``. Port 0 takes a free one; ``port`` says which."""

    def __init__(self, address: ListenAddress, pages: Mapping[str, Page]) -> None:
        """Raises OSError when the address cannot be listened on."""
        self._server = _Server(address, pages, asyncio.get_running_loop())
        self.port: int = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: ListenAddress, pages: Mapping[str, Page], loop: asyncio.AbstractEventLoop) -> None:
        self._pages = pages
        self._loop = loop
        self.address_family = AF_INET6 if ":" in address.host else AF_INET
        super().__init__((address.host, address.port), _Handler)

    def server_bind(self) -> None:
        """Bind without the look-up of the host's own name that HTTPServer does: it can take many seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "pilot", self.server_address[1]

    def answer(self, target: str) -> Answer:
        """The page at ``target``, made in the event loop; called in the thread of a connection."""
        url = urlsplit(target)
        listing = "".join(f"{path}\n" for path in sorted(self._pages))
        if url.path == "/":
            return Answer(listing)
        page = self._pages.get(url.path)
        if page is None:
            return Answer(f"there is no page {url.path}; there are:\n{listing}", status=HTTPStatus.NOT_FOUND)
        try:
            made = _make(page, dict(parse_qsl(url.query, keep_blank_values=True)))
            return asyncio.run_coroutine_threadsafe(made, self._loop).result(_TIMEOUT)
        except Exception:
            log.exception("the page %s failed", url.path)
            return Answer("this page failed; the log says why\n", status=HTTPStatus.INTERNAL_SERVER_ERROR)


async def _make(page: Page, query: Mapping[str, str]) -> Answer:
    return page(query)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = _TIMEOUT

    def do_GET(self) -> None:
        self._write(self.server.answer(self.path))

    def do_HEAD(self) -> None:
        self._write(self.server.answer(self.path), with_body=False)

    def _write(self, answer: Answer, *, with_body: bool = True) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: scrapes would fill the log."""
