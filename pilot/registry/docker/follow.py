"""The Docker Engine over its socket: list everything, then follow its events, for as long as this process lives.

The client library is blocking, so threads follow and inspect, and hand immutable values to the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from os import environ
from pathlib import Path
from socket import gethostname
from typing import Any

import docker
from docker.errors import DockerException, NotFound
from docker.utils import kwargs_from_env
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from galley.meta import frozen
from galley.publisher import Latest
from pilot.registry.discovery import Discovery
from pilot.registry.docker.connection_problems import explain
from pilot.registry.docker.discover import DiscoveryOptions, discover
from pilot.registry.docker.tracking import EVENT_TYPES, EVENTS, Containers

log = logging.getLogger(__name__)

DEFAULT_URL = "unix:///var/run/docker.sock"

_INSPECTORS = 8
_TIMEOUT = 10
"""Seconds for one answer of the Engine; the stream of events has no limit."""
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

    def __init__(
        self, url: str, *, projects: tuple[str, ...], networks: tuple[str, ...], latest: Latest[Discovery]
    ) -> None:
        self._environment = {**environ, "DOCKER_HOST": url or environ.get("DOCKER_HOST") or DEFAULT_URL}
        self._options = DiscoveryOptions(
            projects=projects, networks=networks, own_hints=tuple(dict.fromkeys(_own_hints()))
        )
        self._latest = latest
        self._containers = Containers()
        self._lock = threading.Lock()
        self._published: Discovery | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = threading.Event()
        self._client: docker.APIClient | None = None
        self._stream: Any = None
        self.status = EngineStatus(url=self._environment["DOCKER_HOST"])

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
            self._hang_up()

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
        client = docker.APIClient(version="auto", timeout=_TIMEOUT, **kwargs_from_env(environment=self._environment))
        inspectors = ThreadPoolExecutor(_INSPECTORS, thread_name_prefix="docker-inspect")
        with closing(client):
            try:
                # The stream comes first: what happens during the listing is told by an event after it.
                self._stream = client.events(decode=True, filters={"type": list(EVENT_TYPES), "event": list(EVENTS)})
                self._client = client
                version = client.version()
                ids = [listed["Id"] for listed in client.containers(all=True)]
                found = [one for one in inspectors.map(partial(_inspect, client), ids) if one is not None]
                with self._lock:
                    self._containers.list(found)
                    self._publish()
                self._report_found(str(version.get("Version") or "?"), str(client.api_version))
                for event in self._stream:
                    self._take(client, inspectors, event)
            finally:
                self._client = None
                self._hang_up()
                inspectors.shutdown(wait=False, cancel_futures=True)

    def _take(self, client: docker.APIClient, inspectors: ThreadPoolExecutor, event: dict[str, Any]) -> None:
        """What the event proves counts at once. Inspections have threads of their own: the Engine answers none while a
        container starts, and another's SIGTERM must not wait for that."""
        with self._lock:
            container_id = self._containers.note(event)
            revision = self._containers.revision(container_id)
            self._publish()
        if container_id:
            inspectors.submit(self._look_at, client, container_id, revision)

    def _look_at(self, client: docker.APIClient, container_id: str, revision: int) -> None:
        """Inspect a container, unless a later event has asked for it again."""
        try:
            if self._containers.revision(container_id) != revision:
                return
            found = _inspect(client, container_id)
            with self._lock:
                if self._containers.revision(container_id) == revision:
                    if found is None:
                        self._containers.forget(container_id)
                    else:
                        self._containers.inspect(found)
                    self._publish()
        except _FAILURES:
            self._hang_up()  # to connect and to list anew
        except Exception:
            log.exception("the Docker Engine's description of a container was not understood")
            self._hang_up()

    def _publish(self) -> None:
        discovery = discover(self._containers.all, self._options)
        if discovery != self._published and self._loop is not None and not self._stopping.is_set():
            self._published = discovery
            with suppress(RuntimeError):  # the event loop ended meanwhile
                self._loop.call_soon_threadsafe(self._latest.publish, discovery)

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
        client = self._client
        if client is None:
            return
        try:
            client.ping()
        except _FAILURES:
            self._hang_up()

    def _hang_up(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(DockerException, OSError, AttributeError, ValueError):  # it may have ended by itself
                stream.close()


def _inspect(client: docker.APIClient, container_id: str) -> dict[str, Any] | None:
    """What the Engine says of a container; None when it is gone."""
    try:
        found: dict[str, Any] = client.inspect_container(container_id)
    except NotFound:
        return None
    return found


def _own_hints() -> Iterator[str]:
    """What may be the id of the container that this process runs in, or begin it."""
    for file, mark in (("/proc/self/mountinfo", "/etc/hostname"), ("/proc/self/cgroup", "")):
        with suppress(OSError):
            for line in Path(file).read_text(encoding="utf-8", errors="replace").splitlines():
                if mark in line:
                    yield from _CONTAINER_ID.findall(line)
    yield gethostname()
