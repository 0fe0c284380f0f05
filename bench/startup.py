"""From the start of `pilot serve` to its first xDS response."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.clients import Assignment, Crowd
from bench.configuration import Mesh, write_files
from bench.control_plane import HOST, ControlPlane
from bench.processes import cpu_seconds, memory_mb
from pilot.xds.resources import CLUSTER


@dataclass(frozen=True)
class Startup:
    """Seconds from the start of the process; ``again`` is a second start, which finds the state of the first."""

    services: int
    listening: float
    first_response: float
    again: float
    cpu: float
    memory: float


def measure_startup(services: int) -> Startup:
    """Start it twice on a mesh of that size, with a client that waits for it."""
    mesh = Mesh(services)
    with TemporaryDirectory(prefix="pilothouse-bench-") as directory:
        write_files(Path(directory, "config"), mesh.files())
        listening, first, cpu, memory = _start(Path(directory), mesh)
        _, again, _, _ = _start(Path(directory), mesh)
    return Startup(services, listening, first, again, cpu, memory)


def _start(home: Path, mesh: Mesh) -> tuple[float, float, float, float]:
    plane = ControlPlane(home)
    try:
        listening = plane.wait_listening()
        first = asyncio.run(_first_response(plane.port, mesh)) - plane.started
        return listening, first, cpu_seconds(plane.pid), memory_mb(plane.pid)
    finally:
        plane.stop()


async def _first_response(port: int, mesh: Mesh) -> float:
    crowd = Crowd(Assignment(HOST, port, (mesh.workload(0),)))
    crowd.expect(frozenset({CLUSTER}))
    await crowd.connect()
    totals = await crowd.finish()
    crowd.disconnect()
    return totals.first_ack
