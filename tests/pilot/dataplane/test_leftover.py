"""Which Envoy is ended as one that outlived its time: the one with this very configuration file, nobody else's."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pilot.dataplane.bootstrap import SocketAddress
from pilot.dataplane.process import EnvoyCommand, end_leftover


class Admin(ThreadingHTTPServer):
    """The admin interface of an Envoy that was started with ``config`` and ends when it is told to."""

    def __init__(self, config: str) -> None:
        self.info = {"command_line_options": {"config_path": config}}
        self.was_told_to_end = False
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def end(self) -> None:
        self.was_told_to_end = True
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Admin

    def do_GET(self) -> None:
        body = json.dumps(self.server.info).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.server.end()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing of this belongs on a test's output."""


@pytest.fixture
def admin() -> Iterator[Admin]:
    running = Admin("/somewhere/envoy.json")
    yield running
    if not running.was_told_to_end:
        running.end()


def command(config: str, port: int) -> EnvoyCommand:
    return EnvoyCommand(Path("envoy"), Path(config), Path("log"), SocketAddress("127.0.0.1", port))


def test_the_envoy_with_our_configuration_is_ended(admin: Admin) -> None:
    assert end_leftover(command("/somewhere/envoy.json", admin.server_port))
    assert admin.was_told_to_end


def test_anothers_envoy_is_left_alone(admin: Admin) -> None:
    assert not end_leftover(command("/elsewhere/envoy.json", admin.server_port))
    assert not admin.was_told_to_end


def test_where_nobody_answers_there_is_none(admin: Admin) -> None:
    admin.end()
    assert not end_leftover(command("/somewhere/envoy.json", admin.server_port))
