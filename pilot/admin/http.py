"""The admin port: health, metrics and debugging over HTTP, for people and scripts on the same host.

A page in a browser may lead a name of its own to this address (DNS rebinding) and then read what is answered here. It
cannot choose the headers Host and Origin, so these must name this host.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from uvicorn.config import Config
from uvicorn.server import ServerState

from galley.text.wording import printable, shortened
from pilot.admin.connection import bounded_protocol
from pilot.settings import ListenAddress

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

log = logging.getLogger(__name__)

JSON, TEXT = "application/json", "text/plain; version=0.0.4; charset=utf-8"

_LONGEST_REQUEST = 32 << 10
"""Bytes of a request's line and headers."""


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

    Requests must name this host: by a loopback name or address, that of ``address``, or one of ``hosts``. Connections
    are bounded in number and in idleness (`bounded_protocol`), so that they leave descriptors for the proxies.
    """

    def __init__(self, address: ListenAddress, pages: Mapping[str, Page], hosts: Collection[str] = ()) -> None:
        """Raises OSError when the address cannot be listened on."""
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        try:
            self._socket = socket.create_server((address.host, address.port), family=family, backlog=128)
        except OSError as error:
            what = f"cannot listen on {address} for the admin port: {error.strerror or error}"
            raise OSError(f"{what}; name another with --admin-address") from None
        self.port: int = self._socket.getsockname()[1]
        app = _App(pages, frozenset(host.lower() for host in (address.host, *hosts)))
        config = Config(
            app, ws="none", lifespan="off", log_config=None, access_log=False, proxy_headers=False,
            h11_max_incomplete_event_size=_LONGEST_REQUEST,
        )  # fmt: skip
        config.load()
        self._state = ServerState()
        self._protocol = bounded_protocol(config, self._state)
        self._listening = asyncio.ensure_future(self._listen())

    async def _listen(self) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(self._protocol, sock=self._socket)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._state.connections)

    async def close(self) -> None:
        """Stop listening, and end all connections."""
        server = await self._listening
        server.close()
        for connection in list(self._state.connections):
            connection.transport.abort()


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


class _App:
    """The pages as an ASGI application."""

    def __init__(self, pages: Mapping[str, Page], hosts: Collection[str]) -> None:
        self._pages, self._hosts = pages, hosts

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        assert scope["type"] == "http"
        refused = self._refusal(scope)
        if refused is not None:
            peer = scope["client"][0] if scope["client"] else "?"
            log.warning("admin port: %d to %s: %s", refused.status, peer, refused.body.strip())
        answer = refused or self._answer(scope["path"], scope["query_string"])
        body = answer.body.encode()
        headers = [
            (b"content-type", answer.content_type.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"x-content-type-options", b"nosniff"),
        ]
        if refused is not None:
            headers.append((b"connection", b"close"))
        await send(
            {"type": "http.response.start", "status": answer.status, "headers": headers, "trailers": False},
        )
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _refusal(self, scope: HTTPScope) -> Answer | None:
        """Why a request is not answered."""
        if scope["method"] not in ("GET", "HEAD"):
            return _refuse(HTTPStatus.NOT_IMPLEMENTED, f"{scope['method']} is not answered here: GET and HEAD are")
        named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        origin = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"), None)
        reached_at = scope["server"][0] if scope["server"] else ""
        if reason := self._strange(named, origin, reached_at):
            return _refuse(HTTPStatus.FORBIDDEN, reason)
        if not scope["path"].startswith("/"):
            return _refuse(HTTPStatus.BAD_REQUEST, f"{_shown(scope['path'])} is not a path")
        return None

    def _strange(self, hosts: Sequence[str], origin: str | None, reached_at: str) -> str:
        """Why these headers Host and Origin do not name this host, or ""."""
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

    def _answer(self, path: str, query: bytes) -> Answer:
        listing = "".join(f"{path}\n" for path in sorted(self._pages))
        if path == "/":
            return Answer(listing)
        page = self._pages.get(path)
        if page is None:
            return Answer(f"there is no page {_shown(path)}; there are:\n{listing}", status=HTTPStatus.NOT_FOUND)
        try:
            return page(dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=100)))
        except Exception:
            log.exception("the page %s failed", path)
            return Answer("this page failed; the log says why\n", status=HTTPStatus.INTERNAL_SERVER_ERROR)


def _refuse(status: HTTPStatus, reason: str) -> Answer:
    return Answer(f"{shortened(printable(reason), 500)}\n", status=status)


def _shown(text: str) -> str:
    return shortened(printable(text), 200)
