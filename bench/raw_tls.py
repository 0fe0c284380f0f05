"""Calls alone: a grpc.aio server with mutual TLS that answers with as many bytes as a certificate has."""

from __future__ import annotations

import asyncio
from multiprocessing.connection import Connection
from typing import Any

import grpc

from bench.control_plane import HOST

_SERVICE = "istio.v1.auth.IstioCertificateService"
_ANSWER = b"x" * 2200
"""As a leaf, its intermediate and a root take in PEM."""


def run_raw_tls_server(own: tuple[bytes, bytes], roots: bytes, orders: Connection) -> None:
    """Entry point of the server's process. ``own`` is key and chain."""
    asyncio.run(_obey(own, roots, orders))


async def _obey(own: tuple[bytes, bytes], roots: bytes, orders: Connection) -> None:
    loop = asyncio.get_running_loop()
    server: grpc.aio.Server | None = None
    while (await loop.run_in_executor(None, orders.recv))[0] != "stop":
        server = grpc.aio.server()
        method = grpc.unary_unary_rpc_method_handler(_answer)
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(_SERVICE, {"CreateCertificate": method}),)
        )
        credentials = grpc.ssl_server_credentials([own], roots, require_client_auth=True)
        port = server.add_secure_port(f"{HOST}:0", credentials)
        await server.start()
        orders.send(port)
    if server is not None:
        await server.stop(0)


async def _answer(_message: bytes, _context: Any) -> bytes:
    return _ANSWER
