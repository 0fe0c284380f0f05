"""The admin port: health, metrics and debugging over HTTP, for people and scripts on the same host.

A thread of the standard library's server reads requests; answers are made in the event loop, where the state lives.

A page in a browser may lead a name of its own to this address (DNS rebinding) and then read what is answered here. It
cannot choose the headers Host and Origin, so these must name this host.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socket import AF_INET, AF_INET6
from socketserver import TCPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from galley.text.wording import printable, shortened
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
    """Serves ``pages`` by path on ``address``. Port 0 takes a free one; ``port`` says which.

    Requests must name this host: by a loopback name or address, that of ``address``, or one of ``hosts``.
    """

    def __init__(self, address: ListenAddress, pages: Mapping[str, Page], hosts: Collection[str] = ()) -> None:
        """Raises OSError when the address cannot be listened on."""
        self._server = _Server(address, pages, hosts, asyncio.get_running_loop())
        self.port: int = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def is_own_host(host: str, known: Collection[str], reached_at: str) -> bool:
    """Whether ``host`` is a name or an address of this host: a loopback one, one of ``known`` (in lower case), or
    ``reached_at``, the address of this end of the connection."""
    name = host.lower().removesuffix(".")
    if name in known or name == "localhost":
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    # An address in a header is no name that somebody could lead elsewhere.
    return address.is_loopback or str(address) == reached_at


def host_in(authority: str) -> str:
    """The host of ``host``, ``host:port`` or ``[IPv6]:port``; "" for anything else."""
    try:
        url = urlsplit(f"//{authority}")
        _ = url.port  # ValueError for what is no number
    except ValueError:
        return ""
    return url.hostname or "" if url.netloc == authority and "@" not in authority else ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self,
        address: ListenAddress,
        pages: Mapping[str, Page],
        hosts: Collection[str],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._pages = pages
        self._hosts = frozenset(host.lower() for host in (address.host, *hosts))
        self._loop = loop
        self.address_family = AF_INET6 if ":" in address.host else AF_INET
        super().__init__((address.host, address.port), _Handler)

    def server_bind(self) -> None:
        """Bind without the look-up of the host's own name that HTTPServer does: it can take many seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "pilot", self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Log what broke a connection, unless that was its client."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            log.exception("a request at the admin port failed")

    def refusal(self, hosts: Sequence[str], origin: str | None, reached_at: str) -> str:
        """Why a request with these headers Host and Origin is not answered, or ""."""
        asked = {"Host": hosts[0] if len(hosts) == 1 else ""}
        if origin is not None:
            asked["Origin"] = origin
        for header, written in asked.items():
            authority = written.partition("://")[2] if header == "Origin" else written
            if not is_own_host(host_in(authority), self._hosts, reached_at):
                return (
                    f"{header} {shortened(written, 200)!r} is not this host: ask by 127.0.0.1 or localhost, or start "
                    "pilot serve with --admin-host NAME"
                )
        return ""

    def answer(self, target: str) -> Answer:
        """The page at ``target``, made in the event loop; called in the thread of a connection."""
        url = urlsplit(target)
        listing = "".join(f"{path}\n" for path in sorted(self._pages))
        if url.path == "/":
            return Answer(listing)
        page = self._pages.get(url.path)
        if page is None:
            return Answer(f"there is no page {_shown(url.path)}; there are:\n{listing}", status=HTTPStatus.NOT_FOUND)
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
        """Answer with a page."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer with the headers of a page."""
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        reached_at = str(self.connection.getsockname()[0])
        refusal = self.server.refusal(self.headers.get_all("Host", []), self.headers.get("Origin"), reached_at)
        if refusal:
            self.send_error(HTTPStatus.FORBIDDEN, refusal)
        elif not self.path.startswith("/"):
            self.send_error(HTTPStatus.BAD_REQUEST, f"{_shown(self.path)} is not a path")
        else:
            self._write(self.server.answer(self.path), with_body=with_body)

    def parse_request(self) -> bool:
        """See the base; a request without a version, as nobody sends any more, is garbage."""
        if not super().parse_request():
            return False
        if self.request_version == "HTTP/0.9":
            self.send_error(HTTPStatus.BAD_REQUEST, "a request of HTTP/1.0 or 1.1 is needed")
            return False
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Say in a line of text, and in one of the log, why there is no answer; the connection ends."""
        status = HTTPStatus(code)
        text = shortened(printable(message or status.phrase), 500)
        log.warning("admin port: %d to %s: %s", status, self.client_address[0], text)
        self.close_connection = True
        self.request_version = "HTTP/1.0" if self.request_version == "HTTP/0.9" else self.request_version
        self._write(Answer(f"{text}\n", status=status), with_body=self.command != "HEAD")

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


def _shown(text: str) -> str:
    return shortened(printable(text), 200)
