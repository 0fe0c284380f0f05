"""Small servers behind the Envoys under test: HTTP/1.1, TCP and gRPC echoes that remember what reached them."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import time
from collections import deque
from concurrent import futures
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

import grpc

STATUS_HEADER = "x-echo-status"
DELAY_HEADER = "x-echo-delay"


@dataclass(frozen=True)
class SeenRequest:
    """One request as it reached an upstream, with its ``path`` byte by byte (as Latin-1).

    Header names are lower case; ``peer`` is the other end's IP address.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    peer: str = ""


class _ThreadingServer(socketserver.ThreadingTCPServer):
    # Not http.server.HTTPServer: its bind looks its own name up in DNS, which can take many seconds.
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], handler: Any) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle is what several tests are about."""


class _Served:
    """A server in a thread of its own, usable as a context manager."""

    def __init__(self, server: socketserver.TCPServer) -> None:
        self._server = server
        self.socket: socket.socket = server.socket
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop listening. Open connections are left to their threads."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class HttpEcho(_Served):
    """Answers every request with a JSON description of it, and its own ``name``.

    A request sets status and delay (seconds) of its own answer by ``x-echo-status`` and ``x-echo-delay``; the test
    sets them for all by the attributes ``status`` and ``delay``, and for the next ones by `answer_next`.
    """

    def __init__(self, name: str, host: str, port: int) -> None:
        self.name, self.host, self.port = name, host, port
        self.status = 200
        self.delay = 0.0
        self.requests: list[SeenRequest] = []
        self._lock = threading.Lock()
        self._next: deque[int] = deque()
        echo = self

        class Handler(_EchoHandler):
            owner = echo

        super().__init__(_ThreadingServer((host, port), Handler))

    @property
    def count(self) -> int:
        """How many requests have arrived."""
        return len(self.requests)

    def answer_next(self, *statuses: int) -> None:
        """The statuses of the next answers, before ``status`` applies again."""
        with self._lock:
            self._next.extend(statuses)

    def record(self, request: SeenRequest) -> tuple[int, int, float]:
        """Remember ``request``: its number, and the status and delay of its answer."""
        with self._lock:
            self.requests.append(request)
            status = self._next.popleft() if self._next else self.status
            number = len(self.requests)
        status = int(request.headers.get(STATUS_HEADER, status))
        delay = float(request.headers.get(DELAY_HEADER, self.delay))
        return number, status, delay


class _EchoHandler(BaseHTTPRequestHandler):
    owner: HttpEcho
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        request = SeenRequest(
            method=self.command,
            # Not self.path, in which Python's server has merged leading slashes.
            path=self.requestline.split(" ")[1],
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            at=time.monotonic(),
            peer=str(self.client_address[0]),
        )
        number, status, delay = self.owner.record(request)
        if delay:
            time.sleep(delay)
        description = {
            "name": self.owner.name,
            "count": number,
            "method": request.method,
            "path": request.path,
            "headers": request.headers,
            "body": body.decode(errors="replace"),
        }
        text = b"" if status in {204, 304} else json.dumps(description).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.send_header("x-echo-name", self.owner.name)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """The requests are kept in ``HttpEcho.requests`` instead."""


class TcpEcho(_Served):
    """Sends ``name`` and a newline on connection (a server-first protocol), then returns what it receives."""

    def __init__(self, name: str, host: str, port: int, *, greets: bool = True) -> None:
        self.name, self.host, self.port = name, host, port
        self.connections = 0
        self.peers: list[str] = []
        echo = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                echo.connections += 1
                echo.peers.append(str(self.client_address[0]))
                if greets:
                    self.request.sendall(f"{name}\n".encode())
                while received := self.request.recv(65536):
                    self.request.sendall(received)

        super().__init__(_ThreadingServer((host, port), Handler))


class GrpcEcho:
    """A gRPC server (HTTP/2 without TLS) whose every unary method returns ``name: request``."""

    def __init__(self, name: str, host: str, port: int) -> None:
        self.name, self.host, self.port = name, host, port
        self.calls: list[tuple[str, dict[str, str]]] = []
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=(("grpc.so_reuseport", 0),))
        self._server.add_generic_rpc_handlers((_GrpcHandler(self),))
        self._server.add_insecure_port(f"{host}:{port}")
        self._server.start()

    def __enter__(self) -> GrpcEcho:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Cut all calls and stop listening."""
        self._server.stop(0).wait()


class _GrpcHandler(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in its stubs alone
    def __init__(self, owner: GrpcEcho) -> None:
        self._owner = owner

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        metadata = {key: str(value) for key, value in handler_call_details.invocation_metadata}

        def echo(request: bytes, context: grpc.ServicerContext) -> bytes:
            self._owner.calls.append((handler_call_details.method, metadata))
            return f"{self._owner.name}: ".encode() + request

        return grpc.unary_unary_rpc_method_handler(echo)
