"""Authorization servers that say yes to whoever asks for it, over HTTP and over Envoy's gRPC API."""

from __future__ import annotations

import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from envoy_data_plane.envoy.config.core.v3 import HeaderValue, HeaderValueOption
from envoy_data_plane.envoy.service.auth.v3 import CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse
from envoy_data_plane.envoy.type.v3 import HttpStatus, StatusCode
from envoy_data_plane.google.rpc import Status

ASKING = "x-ask"
"""Of this request header the value "allow" is admitted, and everything else denied."""
DENIAL = "denied by the server"


class HttpAuthorizer(ThreadingHTTPServer):
    """Answers 200 or 403, both with ``x-said`` and ``x-secret``; ``asked`` are the requests' headers."""

    def __init__(self, host: str, port: int) -> None:
        self.asked: list[dict[str, str]] = []
        self.host, self.port = host, port
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                owner.asked.append({**headers, ":path": self.path, ":method": self.command})
                admitted = headers.get(ASKING) == "allow"
                body = b"" if admitted else DENIAL.encode()
                self.send_response(200 if admitted else 403)
                for name, value in (("x-said", "yes" if admitted else "no"), ("x-secret", "1")):
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = _answer

            def log_message(self, format: str, *args: Any) -> None:
                """The requests are kept in ``asked``."""

        super().__init__((host, port), Handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def server_bind(self) -> None:
        """As its parent's parent: that looks its own name up in DNS."""
        self.socket.bind(self.server_address)

    def stop(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()
        self._thread.join()


class GrpcAuthorizer:
    """Envoy's ``Authorization/Check``; ``asked`` are the requests' headers."""

    def __init__(self, host: str, port: int) -> None:
        self.asked: list[dict[str, str]] = []
        self.host, self.port = host, port
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=(("grpc.so_reuseport", 0),))
        check = grpc.unary_unary_rpc_method_handler(
            self._check, request_deserializer=CheckRequest.parse, response_serializer=bytes
        )
        handler = grpc.method_handlers_generic_handler("envoy.service.auth.v3.Authorization", {"Check": check})
        self._server.add_generic_rpc_handlers((handler,))
        self._server.add_insecure_port(f"{host}:{port}")
        self._server.start()

    def _check(self, request: CheckRequest, _: grpc.ServicerContext) -> CheckResponse:
        attributes = request.attributes
        http = attributes.request.http if attributes is not None and attributes.request is not None else None
        headers = dict(http.headers) if http is not None else {}
        self.asked.append(headers)
        if headers.get(ASKING) == "allow":
            return CheckResponse(status=Status(code=0), ok_response=OkHttpResponse(headers=[_header("x-said", "yes")]))
        denied = DeniedHttpResponse(
            status=HttpStatus(code=StatusCode.Unauthorized), headers=[_header("x-said", "no")], body=DENIAL
        )
        return CheckResponse(status=Status(code=7), denied_response=denied)

    def stop(self) -> None:
        """Cut all calls and stop listening."""
        self._server.stop(0).wait()


def _header(name: str, value: str) -> HeaderValueOption:
    return HeaderValueOption(header=HeaderValue(key=name, value=value))
