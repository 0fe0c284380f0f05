"""`pilot health`: the exit status is what a container's health check looks at."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pilot.commands.health import add_health_parser, run_health


class Page(ThreadingHTTPServer):
    """Answers with the statuses in turn, the last one for ever."""

    statuses: list[int]
    asked: list[str]


class _Handler(BaseHTTPRequestHandler):
    server: Page

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        statuses = self.server.statuses
        self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
        self.end_headers()
        self.wfile.write(b"some words\nand more\n")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def page() -> Iterator[Page]:
    with Page(("127.0.0.1", 0), _Handler) as server:
        server.statuses, server.asked = [200], []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser(prog="pilot")
    add_health_parser(parser.add_subparsers())
    return run_health(parser.parse_args(["health", *arguments]))


def url(page: Page) -> str:
    return f"http://127.0.0.1:{page.server_port}/readyz"


def test_ready(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(url(page)) == 0
    assert page.asked == ["/readyz"]
    assert capsys.readouterr().out == "some words\nand more\n"


def test_not_ready(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    page.statuses = [503]
    assert run(url(page)) == 1
    assert capsys.readouterr().err == "503 some words\nand more\n"


def test_it_waits_until_ready(page: Page) -> None:
    page.statuses = [503, 503, 200]
    assert run(url(page), "--wait", "20") == 0
    assert len(page.asked) == 3


def test_nobody_there(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    page.server_close()
    assert run(url(page)) == 1
    assert "no answer from" in capsys.readouterr().err


def test_a_proxy_for_the_web_is_not_asked(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert run(url(page)) == 0
