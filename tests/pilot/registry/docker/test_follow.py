"""Following an Engine that misbehaves, on a socket of its own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from galley.publishing.latest import Latest
from pilot.registry.discovery import Discovery
from pilot.registry.docker import follow
from pilot.registry.docker.follow import DockerFollower
from tests.pilot.registry.docker.inspections import an_id, an_inspection

CONTAINERS = {an_id(name): an_inspection(name) for name in ("well", "sick")}


class Engine(ThreadingHTTPServer):
    """Answers as the Engine does, but for ``sick`` and, if told so, for events."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.sick_answers: Any = None
        self.events_hang = False
        self.listings = self.event_requests = 0
        self.over = threading.Event()


class _Answers(BaseHTTPRequestHandler):
    server: Engine

    def log_message(self, *_: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.endswith("/events"):
            self.server.event_requests += 1
            if not self.server.events_hang:
                self.send_response(200)
                self.end_headers()
                self.wfile.flush()
            self.server.over.wait()
        elif path.endswith("/version"):
            self._say({"Version": "1", "ApiVersion": "1.41"})
        elif path.endswith("/containers/json"):
            self.server.listings += 1
            self._say([{"Id": one} for one in CONTAINERS])
        elif path.endswith("/json"):
            container_id = path.split("/")[-2]
            sick = container_id == an_id("sick")
            answer = self.server.sick_answers if sick else CONTAINERS[container_id]
            self._say(answer, 500 if answer is None else 200)
        else:
            self._say("OK")

    def _say(self, answer: Any, status: int = 200) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.over.set()
        server.shutdown()


async def until(condition: Any, seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - its truth comes from other threads
            await asyncio.sleep(0.02)


def count(latest: Latest[Discovery]) -> int:
    return len(latest.value.instances) if latest.value else 0


def following(engine: Engine) -> tuple[DockerFollower, Latest[Discovery]]:
    url = f"tcp://127.0.0.1:{engine.server_port}"
    follower = DockerFollower(url, projects=(), networks=())
    return follower, follower.latest


@pytest.mark.parametrize("answer", [None, {"Id": an_id("sick"), "State": "nonsense"}])
async def test_one_container_that_cannot_be_read_stops_no_other(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr(follow, "_RETRY_AFTER", 0.1)
    engine.sick_answers = answer
    follower, latest = following(engine)
    task = asyncio.create_task(follower.run())
    try:
        await until(lambda: count(latest) == 1)
        engine.sick_answers = CONTAINERS[an_id("sick")]
        await until(lambda: count(latest) == 2)
        assert engine.listings == 1, "it was asked for alone, on the same connection"
    finally:
        task.cancel()


async def test_events_that_never_begin_are_noticed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_TIMEOUT", 0.5)
    engine.sick_answers = CONTAINERS[an_id("sick")]
    engine.events_hang = True
    follower, latest = following(engine)
    task = asyncio.create_task(follower.run())
    try:
        await until(lambda: engine.event_requests >= 2)
        engine.events_hang = False
        await until(lambda: count(latest) == 2)
        await asyncio.sleep(1)  # longer than the limit: a stream that has begun may be silent
        assert engine.listings == 1
    finally:
        task.cancel()
