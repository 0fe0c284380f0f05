"""The admin port, on each address family."""

import asyncio
import socket
import urllib.request

import pytest

from pilot.admin.http import AdminServer, Answer
from pilot.settings import ListenAddress


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_it_answers_on_ipv4_and_ipv6(host: str) -> None:
    address = ListenAddress(host=host, port=0)
    try:
        server = AdminServer(address, {"/healthz": lambda query: Answer("ok")})
    except OSError as error:
        if host == "::1" and not socket.has_ipv6:
            pytest.skip(f"no IPv6 here: {error}")
        raise
    try:
        url = f"http://{ListenAddress(host=host, port=server.port)}/healthz"
        assert await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=5).read()) == b"ok"
    finally:
        server.close()
