"""One registry that discovers, in a running control plane: what it finds becomes state, what is odd a warning."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from galley.failpoints import failpoint
from galley.publishing.latest import Latest
from pilot.controlplane.mesh_state import MeshState
from pilot.registry.discovery import NOTHING_DISCOVERED, Discovery, DiscoveryRegistry, Finding

log = logging.getLogger("pilot")

_FIRST_ANSWER = 10.0
"""Seconds that proxies wait for the first answer. Told earlier, those that know its instances would lose them; told
never, a mesh whose registry is away could not be repaired."""


class RegistryFollower(Protocol):
    """Follows a registry: publishes to ``latest`` what is there, at once and at each change."""

    latest: Latest[Discovery]

    async def run(self) -> None:
        """Follow until cancelled; a registry that is away is tried again."""


class RegistryFeed:
    """Takes what ``follower`` finds in ``registry`` up into ``state``; ``changed`` is called when there is something to
    rebuild. ``sleep`` waits for so many seconds."""

    def __init__(
        self,
        registry: DiscoveryRegistry,
        follower: RegistryFollower,
        state: MeshState,
        changed: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._registry, self._follower = registry, follower
        self._state, self._changed, self._sleep = state, changed, sleep
        self._known: frozenset[Finding] = frozenset()

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follower.run())
            tasks.create_task(self._go_on_without_answer())
            await self._take(tasks)

    async def _take(self, tasks: asyncio.TaskGroup) -> None:
        async for discovery in self._follower.latest.values():
            failpoint("discovery")
            self._state.discover(self._registry, discovery)
            self._changed()
            findings = frozenset(discovery.findings)
            for finding in findings - self._known:
                tasks.create_task(self._warn(finding))
            self._known = findings

    async def _go_on_without_answer(self) -> None:
        await self._sleep(_FIRST_ANSWER)
        if self._follower.latest.value is None:
            name, instances = self._registry.name, self._registry.instances
            log.warning("%s has not answered for %g s: serving without its %s until it does",
                        name, _FIRST_ANSWER, instances)  # fmt: skip
            self._state.discover(self._registry, NOTHING_DISCOVERED)
            self._changed()

    async def _warn(self, finding: Finding) -> None:
        await self._sleep(finding.patience)
        registered = {workload.address for workload in self._state.registrations.workloads}
        if finding in self._known and registered.isdisjoint(finding.addresses):
            log.warning("%s", finding.text)
