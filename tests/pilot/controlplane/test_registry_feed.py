"""What a running control plane does with what was discovered, and without an Engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from galley.publishing.latest import Latest
from pilot.controlplane.mesh_state import MeshState
from pilot.controlplane.registry_feed import RegistryFeed
from pilot.registry.discovery import Discovery, DiscoveryRegistry, Finding
from pilot.registry.docker.discover import DOCKER
from pilot.registry.docker.follow import DockerFollower
from tests.builders import a_config, a_manifest, a_proxy


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self._moved = asyncio.Condition()

    async def sleep(self, seconds: float) -> None:
        due = self.now + seconds
        async with self._moved:
            await self._moved.wait_for(lambda: self.now >= due)

    async def advance(self, seconds: float) -> None:
        self.now += seconds
        async with self._moved:
            self._moved.notify_all()
        await settle()


async def settle() -> None:
    """Let every task go on until it waits for something from outside."""
    for _ in range(20):
        await asyncio.sleep(0)


class World:
    """A state, and discovery into it from a socket that is not there."""

    def __init__(self, home: Path) -> None:
        self.state = MeshState(deregister_after=5.0, registries=(DOCKER,))
        self.state.configure(a_config(a_manifest("reviews")))
        self.changed = asyncio.Event()
        self.docker = DockerFollower(f"unix://{home}/docker.sock", projects=(), networks=())
        self.clock = Clock()
        self.feed = RegistryFeed(DOCKER, self.docker, self.state, self.changed.set, self.clock.sleep)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        task = asyncio.create_task(self.feed.run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def publish(self, *findings: Finding) -> None:
        self.changed.clear()
        self.docker.latest.publish(Discovery(findings=findings))
        await asyncio.wait_for(self.changed.wait(), 5)
        await settle()


async def until(condition: Callable[[], bool]) -> None:
    """The follower loads Docker's library in its own time, which a busy machine makes long."""
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not met within 30 s")


def warnings(caplog: pytest.LogCaptureFixture, text: str) -> int:
    return sum(text in record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)


async def test_what_is_found_is_taken_up_and_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with World(tmp_path).running() as world:
        await world.publish(Finding("something odd"))
        await world.publish(Finding("something odd"), Finding("something else"))
        assert world.state.discovered(DOCKER).findings[1].text == "something else"
        assert world.state.rebuild()
        assert (warnings(caplog, "something odd"), warnings(caplog, "something else")) == (1, 1)
        await world.publish()
        await world.publish(Finding("something odd"))
        assert warnings(caplog, "something odd") == 2, "it went, and came again"


async def test_a_finding_that_a_proxy_made_void_is_not_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with World(tmp_path).running() as world:
        world.state.connect(a_proxy(address="172.18.0.2", self_register=True))
        await world.publish(Finding("no sidecar", addresses=("172.18.0.2",)), Finding("nor here", addresses=("::1",)))
        assert (warnings(caplog, "no sidecar"), warnings(caplog, "nor here")) == (0, 1)


async def test_a_finding_needs_patience(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with World(tmp_path).running() as world:
        await world.publish(Finding("still starting", patience=30), Finding("stays so", patience=30))
        await world.clock.advance(29)
        assert (warnings(caplog, "still starting"), warnings(caplog, "stays so")) == (0, 0)
        await world.publish(Finding("stays so", patience=30))
        await world.clock.advance(1)
        assert (warnings(caplog, "still starting"), warnings(caplog, "stays so")) == (0, 1)
        await world.clock.advance(60)
        assert warnings(caplog, "stays so") == 1


async def test_without_an_engine_the_mesh_starts_nevertheless(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with World(tmp_path).running() as world:
        await settle()
        await world.clock.advance(9)
        assert not world.state.rebuild()
        assert not world.changed.is_set()
        await world.clock.advance(1)
        assert world.changed.is_set()
        assert world.state.rebuild()
        assert warnings(caplog, "Docker has not answered for 10 s: serving without its containers until it does") == 1
        await until(lambda: warnings(caplog, "does not exist: is Docker running") == 1)
        assert "does not exist" in world.docker.describe()["problem"]


class Silent:
    """A registry of another kind, which does not answer."""

    def __init__(self) -> None:
        self.latest: Latest[Discovery] = Latest()

    async def run(self) -> None:
        await asyncio.Event().wait()


async def test_a_registry_is_called_by_its_own_words(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    consul = DiscoveryRegistry(name="Consul", instance="Node")
    state, changed = MeshState(deregister_after=5.0, registries=(consul,)), asyncio.Event()
    running = asyncio.create_task(RegistryFeed(consul, Silent(), state, changed.set, clock.sleep).run())
    await settle()
    await clock.advance(10)
    assert changed.is_set()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert warnings(caplog, "Consul has not answered for 10 s: serving without its nodes until it does") == 1
