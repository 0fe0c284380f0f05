"""The harness itself: its servers answer as tests rely on, and its addresses are its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

import grpc
import pytest

from tests.e2e.harness.addresses import Addresses, is_free
from tests.e2e.harness.client import names, repeat, request
from tests.e2e.harness.conditions import ConditionNotMetError, consistently, eventually
from tests.e2e.harness.traffic import Traffic
from tests.e2e.harness.upstreams import GrpcEcho, HttpEcho, TcpEcho


def test_the_http_echo_describes_requests_and_obeys(addresses: Addresses) -> None:
    with HttpEcho("one", addresses.host(), 8000) as echo:
        at = (echo.host, echo.port)
        answer = request(at, "/path?q=1", method="POST", headers={"X-Colour": "red"}, body=b"hello")
        assert (answer.status, answer.name) == (200, "one")
        described = answer.json
        assert described.pop("headers")["x-colour"] == "red"
        assert described == {"name": "one", "count": 1, "method": "POST", "path": "/path?q=1", "body": "hello"}
        assert request(at, headers={"x-echo-status": "418"}).status == 418
        assert request(at, headers={"x-echo-delay": "0.2"}).seconds >= 0.2
        echo.answer_next(500, 503)
        assert [request(at).status for _ in range(3)] == [500, 503, 200]
        echo.status = 404
        assert names(repeat(5, at)) == {"one": 5}
        assert echo.count == 11
        assert echo.requests[0].headers["x-colour"] == "red"
    assert is_free(8000, at[0])


def test_the_tcp_echo_speaks_first(addresses: Addresses) -> None:
    with TcpEcho("one", addresses.host(), 9000) as echo, socket.create_connection((echo.host, echo.port)) as client:
        stream = client.makefile("rwb")
        assert stream.readline() == b"one\n"
        stream.write(b"hello\n")
        stream.flush()
        assert stream.readline() == b"hello\n"
        assert echo.connections == 1


def test_the_grpc_echo_answers_every_method(addresses: Addresses) -> None:
    with GrpcEcho("one", addresses.host(), 9000) as echo, grpc.insecure_channel(f"{echo.host}:{echo.port}") as channel:
        call = channel.unary_unary("/any.Service/Method", bytes, bytes)
        assert call(b"hello", metadata=(("x-colour", "red"),)) == b"one: hello"
        method, metadata = echo.calls[0]
        assert (method, metadata["x-colour"]) == ("/any.Service/Method", "red")


def test_traffic_counts_answers_and_failures(addresses: Addresses) -> None:
    with HttpEcho("one", addresses.host(), 8000) as echo, Traffic((echo.host, echo.port)) as traffic:
        eventually(lambda: echo.count > 20)
        assert not traffic.failures
        echo.status = 503
        changed = time.monotonic()
        eventually(lambda: len(traffic.failures) > 5)
        echo.status = 200
        eventually(lambda: traffic.names(since=changed)["one"] > 0)


def test_waiting_ends_with_what_was_last_seen() -> None:
    assert eventually(lambda: "value") == "value"
    with pytest.raises(ConditionNotMetError, match=r"three not met within 0.05 s; last: ValueError\(2\)"):
        eventually(lambda: _raise(2), 0.05, what="three")
    assert consistently(lambda: True, 0.05) > 0
    with pytest.raises(AssertionError, match="failed after 0 checks"):
        consistently(lambda: 0, 1.0)


def _raise(value: int) -> int:
    raise ValueError(value)


def test_addresses_differ_between_processes(addresses: Addresses) -> None:
    code = "from tests.e2e.harness.addresses import own_addresses as a; print(a().host(), a().port())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    mine = {addresses.host().rsplit(".", 2)[0], str(addresses.port())[:2]}
    assert other[0].rsplit(".", 2)[0] not in mine
    ports = [addresses.port() for _ in range(50)]
    assert len(set(ports)) == 50
    assert int(other[1]) not in range(min(ports), max(ports) + 1)
