"""What the four services share: a small HTTP server, and calls to other services that pass on who asks."""

from __future__ import annotations

import argparse
import json
import os
import socketserver
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

PASSED_ON = (
    "x-request-id",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "b3",
    "traceparent",
    "tracestate",
    "end-user",
    "authorization",
    "user-agent",
    "x-ratings-seconds",
    "x-ratings-failures",
)
"""Headers that a service hands on to those it calls: without them a trace ends, and rules cannot know the user."""


@dataclass(frozen=True)
class Request:
    """One request. Header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    def passed_on(self) -> dict[str, str]:
        """The headers that go along with calls made on behalf of this request."""
        return {name: self.headers[name] for name in PASSED_ON if name in self.headers}


@dataclass(frozen=True)
class Response:
    """One response."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Response]


class CallError(Exception):
    """A service that was called gave no usable answer. ``status`` is 0 when it gave none at all."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def as_json(value: Any, status: int = 200) -> Response:
    """``value`` as a JSON response."""
    return Response(json.dumps(value).encode(), status)


def call(url: str, request: Request, *, timeout: float, headers: Mapping[str, str] | None = None) -> Any:
    """The JSON that ``url`` answers with, asked on behalf of ``request``, through $http_proxy if that is set.

    ``timeout`` is in seconds. Raises CallError for anything but 200 with JSON in time.
    """
    asked = urllib.request.Request(url, headers={**request.passed_on(), **(headers or {})})
    try:
        with urllib.request.urlopen(asked, timeout=timeout) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise CallError(f"{url}: status {error.code}", error.code) from error
    except (OSError, ValueError) as error:
        raise CallError(f"{url}: {error}") from error


class _Server(socketserver.ThreadingTCPServer):
    # Not http.server.HTTPServer: when it binds it looks up its own name in DNS, which can take many seconds.
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


def make_server(host: str, port: int, handle: Handler) -> socketserver.ThreadingTCPServer:
    """A server that answers with ``handle``, each connection in a thread of its own. Port 0 takes any."""

    class Connection(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if self.path.split("?")[0] == "/health":
                response = as_json({"status": "healthy"})
            else:
                response = handle(Request(self.command, self.path, headers, body))
            self.send_response(response.status)
            self.send_header("content-type", response.content_type)
            self.send_header("content-length", str(len(response.body)))
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(response.body)

        do_GET = do_HEAD = do_POST = _handle

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: the Envoy in front of it is what there is to look at."""

    return _Server((host, port), Connection)


def arguments(name: str) -> argparse.ArgumentParser:
    """The flags that every service has."""
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9080)
    parser.add_argument(
        "--stop-with-stdin", action="store_true", help="end when standard input closes, as when the starter is gone"
    )
    return parser


def serve(flags: argparse.Namespace, handle: Handler) -> None:
    """Answer with ``handle`` until the process is ended."""
    if flags.stop_with_stdin:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    with make_server(flags.host, flags.port, handle) as server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)
