"""The Docker Engine over its socket: list everything, then follow its events, for as long as this process lives.

The client library is blocking, so threads follow and inspect, and hand immutable values to the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from os import environ
from pathlib import Path
from socket import gethostname
from typing import Any

import docker
from docker.errors import DockerException, NotFound
from docker.utils import kwargs_from_env
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from galley.frozen import frozen
from galley.publishing.latest import Latest
from pilot.registry.discovery import Discovery
from pilot.registry.docker.connection_problems import explain
from pilot.registry.docker.containers import read_container
from pilot.registry.docker.discover import DiscoveryOptions, discover
from pilot.registry.docker.tracking import EVENT_TYPES, EVENTS, Containers

log = logging.getLogger(__name__)

DEFAULT_URL = "unix:///var/run/docker.sock"

_INSPECTORS = 8
_TIMEOUT = 10
"""Seconds for one answer of the Engine; the stream of events has no limit."""
_RETRY_AFTER = 1.0
"""Seconds until a container that could not be inspected is asked for again; doubled each time."""
_STOP_MARGIN = 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_PING_EVERY = 15.0
"""Seconds between questions whether the Engine still answers: a dead TCP connection brings no events and no end."""

_CLOSED = "the Engine closed the connection"
_FAILURES = (DockerException, RequestException, HTTPError, OSError, ValueError)
"""What the client library, and the HTTP libraries below it, raise when the other side is away or talks nonsense."""

_CONTAINER_ID = re.compile(r"[0-9a-f]{64}")


@frozen
class EngineStatus:
    """Where the connection stands; ``problem`` is "" while events are followed."""

    url: str
    engine: str = ""
    api: str = ""
    problem: str = "not connected yet"


class DockerFollower:
    """Follows the Engine at ``url`` ("" for ``DOCKER_HOST``, else the default socket), into ``latest``.

    While the Engine is away the last known state stays.
    """

    def __init__(self, url: str, *, projects: tuple[str, ...], networks: tuple[str, ...]) -> None:
        self._environment = {**environ, "DOCKER_HOST": url or environ.get("DOCKER_HOST") or DEFAULT_URL}
        self._options = DiscoveryOptions(
            projects=projects, networks=networks, own_hints=tuple(dict.fromkeys(_own_hints()))
        )
        self.latest: Latest[Discovery] = Latest()
        self._containers = Containers()
        self._lock = threading.Lock()
        self._published: Discovery | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = threading.Event()
        self._connection: _Connection | None = None
        self.status = EngineStatus(url=self._environment["DOCKER_HOST"])

    def describe(self) -> Mapping[str, str]:
        """How the connection stands, for the admin page."""
        return {"url": self.status.url, "engine": self.status.engine, "api": self.status.api,
                "problem": self.status.problem}  # fmt: skip

    async def run(self) -> None:
        """Follow until cancelled."""
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._follow_for_ever, name="docker-events", daemon=True).start()
        try:
            while True:
                await asyncio.sleep(_PING_EVERY)
                await asyncio.to_thread(self._hang_up_unless_answered)
        finally:
            self._stopping.set()
            if self._connection is not None:
                self._connection.close()

    def _follow_for_ever(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                self._follow()
                problem = _CLOSED
            except _FAILURES as error:
                problem = explain(error, self.status.url)
            except Exception as error:
                if self._stopping.is_set():
                    return
                log.exception("an answer of the Docker Engine was not understood")
                problem = f"an answer was not understood: {error!r}"
            pause = _FIRST_PAUSE if not self.status.problem else min(pause * 2, _LONGEST_PAUSE)
            self._report_lost(problem)
            self._stopping.wait(pause)

    def _follow(self) -> None:
        """One connection, from the listing to its end."""
        client = _Engine(version="auto", timeout=_TIMEOUT, **kwargs_from_env(environment=self._environment))
        with closing(_Connection(client)) as connection:
            # The stream comes first: what happens during the listing is told by an event after it.
            connection.stream = client.events(decode=True, filters={"type": list(EVENT_TYPES), "event": list(EVENTS)})
            self._connection = connection
            version = client.version()
            self._list(connection)
            self._report_found(str(version.get("Version") or "?"), str(client.api_version))
            for event in connection.stream:
                self._take(connection, event)

    def _list(self, connection: _Connection) -> None:
        """All containers; those of which the Engine tells nothing now stay as they were known, and are asked later."""
        ids = [str(listed["Id"]) for listed in connection.client.containers(all=True)]
        asked = {one: connection.inspectors.submit(_inspect, connection.client, one) for one in ids}
        found, unclear = [], set()
        for container_id, answer in asked.items():
            try:
                if (one := answer.result()) is not None:
                    found.append(one)
            except Exception as error:
                unclear.add(container_id)
                _tell_unclear(container_id, error)
        with self._lock:
            self._containers.list(found, unclear)
            self._publish()
            for container in self._containers.all:
                self._watch_stop(connection, container.id)
            revisions = {one: self._containers.revision(one) for one in unclear}
        for container_id, revision in revisions.items():
            connection.later(_RETRY_AFTER, self._look_at, connection, container_id, revision, _RETRY_AFTER)

    def _take(self, connection: _Connection, event: dict[str, Any]) -> None:
        """What the event proves counts at once. Inspections have threads of their own: the Engine answers none while a
        container starts, and another's SIGTERM must not wait for that."""
        with self._lock:
            container_id = self._containers.note(event)
            revision = self._containers.revision(container_id)
            self._publish()
            if event.get("Action") == "kill":
                self._watch_stop(connection, container_id)
        if container_id:
            connection.submit(self._look_at, connection, container_id, revision)

    def _look_at(self, connection: _Connection, container_id: str, revision: int, waited: float = 0.0) -> None:
        """Inspect a container, unless a later event has asked for it again; once more later if that fails."""
        if connection.closed.is_set() or self._containers.revision(container_id) != revision:
            return
        try:
            found = _inspect(connection.client, container_id)
        except Exception as error:
            if not waited:
                _tell_unclear(container_id, error)
            pause = min(max(waited * 2, _RETRY_AFTER), _PING_EVERY)
            connection.close_unless_answered()
            connection.later(pause, self._look_at, connection, container_id, revision, pause)
            return
        with self._lock:
            if not connection.closed.is_set() and self._containers.revision(container_id) == revision:
                if found is None:
                    self._containers.forget(container_id)
                else:
                    self._containers.inspect(found)
                self._publish()

    def _watch_stop(self, connection: _Connection, container_id: str) -> None:
        """A container that has been told to end and does not in its time counts again."""
        container = self._containers.stopping(container_id)
        if container is not None:
            patience = container.stop_timeout + _STOP_MARGIN
            connection.later(patience, self._outlived, connection, container_id, container.started)

    def _outlived(self, connection: _Connection, container_id: str, started: str) -> None:
        with self._lock:
            if not connection.closed.is_set():
                self._containers.outlived(container_id, started)
                self._publish()

    def _publish(self) -> None:
        discovery = discover(self._containers.all, self._options)
        if discovery != self._published and self._loop is not None and not self._stopping.is_set():
            self._published = discovery
            with suppress(RuntimeError):  # the event loop ended meanwhile
                self._loop.call_soon_threadsafe(self.latest.publish, discovery)

    def _report_found(self, engine: str, api: str) -> None:
        self.status = EngineStatus(url=self.status.url, engine=engine, api=api, problem="")
        log.info("following Docker Engine %s at %s, %d containers", engine, self.status.url, len(self._containers.all))

    def _report_lost(self, problem: str) -> None:
        """Tell once what is wrong, and again when it becomes something else."""
        if self._stopping.is_set():
            return
        before, known = self.status.problem, self._published is not None
        self.status = EngineStatus(self.status.url, self.status.engine, self.status.api, problem)
        if problem == _CLOSED:  # what is wrong, if anything, shows when connecting again
            log.info("Docker closed the connection, connecting again")
        elif problem != before:
            kept = "the last known containers stay in force" if known else "no container is known"
            log.warning("Docker: %s; %s, trying again", problem, kept)

    def _hang_up_unless_answered(self) -> None:
        connection = self._connection
        if connection is not None:
            connection.close_unless_answered()


class _Engine(docker.APIClient):
    """The client library's, whose streams have no time limit: here their beginning has the usual one."""

    def get(self, url: Any, **options: Any) -> Any:
        if not options.get("stream"):
            return super().get(url, **options)
        response = super().get(url, **{**options, "timeout": _TIMEOUT})
        if response.ok:
            undeclared: Any = self  # the library's types leave out what its own streams use
            undeclared._disable_socket_timeout(undeclared._get_raw_response_socket(response))
        return response


class _Connection:
    """One connection from its opening to its end, with its own stream, threads and timers."""

    def __init__(self, client: docker.APIClient) -> None:
        self.client = client
        self.stream: Any = None
        self.closed = threading.Event()
        self.inspectors = ThreadPoolExecutor(_INSPECTORS, thread_name_prefix="docker-inspect")

    def submit(self, call: Callable[..., None], *arguments: Any) -> None:
        """Call it in one of the threads, unless the connection has ended."""
        with suppress(RuntimeError):  # the threads have ended meanwhile
            if not self.closed.is_set():
                self.inspectors.submit(call, *arguments)

    def later(self, seconds: float, call: Callable[..., None], *arguments: Any) -> None:
        """The same after ``seconds``."""
        timer = threading.Timer(seconds, self.submit, (call, *arguments))
        timer.daemon = True
        timer.start()

    def close_unless_answered(self) -> None:
        """End the connection if the Engine does not answer any more."""
        try:
            self.client.ping()
        except _FAILURES:
            self.close()

    def close(self) -> None:
        """End this connection, and no later one. May be called from any thread and more than once."""
        if self.closed.is_set():
            return
        self.closed.set()
        self.inspectors.shutdown(wait=False, cancel_futures=True)
        with suppress(DockerException, OSError, AttributeError, ValueError):  # it may have ended by itself
            if self.stream is not None:
                self.stream.close()
        self.client.close()


def _tell_unclear(container_id: str, error: Exception) -> None:
    log.warning("Docker does not tell what container %s is: %r; asking again", container_id[:12], error)


def _inspect(client: docker.APIClient, container_id: str) -> dict[str, Any] | None:
    """What the Engine says of a container; None when it is gone. Raises whatever shows that it
    cannot be read."""
    try:
        found: dict[str, Any] = client.inspect_container(container_id)
    except NotFound:
        return None
    read_container(found)
    return found


def _own_hints() -> Iterator[str]:
    """What may be the id of the container that this process runs in, or begin it."""
    for file, mark in (("/proc/self/mountinfo", "/etc/hostname"), ("/proc/self/cgroup", "")):
        with suppress(OSError):
            for line in Path(file).read_text(encoding="utf-8", errors="replace").splitlines():
                if mark in line:
                    yield from _CONTAINER_ID.findall(line)
    yield gethostname()
