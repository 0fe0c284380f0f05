"""Discovery from Docker in a running control plane: what is found becomes state, what is odd becomes a warning."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from galley.publishing.publisher import Latest
from pilot.controlplane.mesh_state import MeshState
from pilot.registry.discovery import NOTHING_DISCOVERED, Discovery, Finding
from pilot.registry.docker.follow import DockerFollower
from pilot.settings import DockerSettings

log = logging.getLogger("pilot")

_FIRST_ANSWER = 10.0
"""Seconds that proxies wait for the first listing. Told earlier, those that know containers would lose them; told
never, a mesh whose Docker is away could not be repaired."""


class ContainerDiscovery:
    """Follows the Engine of ``settings`` into ``state``; ``changed`` is called when there is something to rebuild."""

    def __init__(self, settings: DockerSettings, state: MeshState, changed: Callable[[], None]) -> None:
        self._state, self._changed = state, changed
        self.latest: Latest[Discovery] = Latest()
        self._follower = DockerFollower(
            settings.url, projects=settings.projects, networks=settings.networks, latest=self.latest
        )
        self._known: frozenset[Finding] = frozenset()

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follower.run())
            tasks.create_task(self._go_on_without_answer())
            await self._take(tasks)

    def describe(self) -> Mapping[str, Any]:
        """How the connection stands, for the admin page."""
        status = self._follower.status
        return {"url": status.url, "engine": status.engine, "api": status.api, "problem": status.problem}

    async def _take(self, tasks: asyncio.TaskGroup) -> None:
        async for discovery in self.latest.values():
            self._state.discover(discovery)
            self._changed()
            findings = frozenset(discovery.findings)
            for finding in findings - self._known:
                tasks.create_task(self._warn(finding))
            self._known = findings

    async def _go_on_without_answer(self) -> None:
        await asyncio.sleep(_FIRST_ANSWER)
        if self.latest.value is None:
            log.warning("Docker has not answered for %g s: serving without its containers until it does", _FIRST_ANSWER)
            self._state.discover(NOTHING_DISCOVERED)
            self._changed()

    async def _warn(self, finding: Finding) -> None:
        await asyncio.sleep(finding.patience)
        registered = {workload.address for workload in self._state.registrations.workloads}
        if finding in self._known and registered.isdisjoint(finding.addresses):
            log.warning("%s", finding.text)
