"""What it costs to keep a thousand connected clients up to date, beside the same bytes without a control plane."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.clients import ORDER
from bench.configuration import Mesh, Workload, write_files
from bench.control_plane import ControlPlane
from bench.fleet import Fleet, Round, Worker
from bench.processes import memory_mb, settled_cpu_seconds
from bench.raw_server import run_raw_server
from pilot.xds.resources import ENDPOINT, ROUTE, TypeUrl

CONNECT, RULE, AN_ENDPOINT, RECONNECT = (
    "all connect at once",
    "one rule changed",
    "one endpoint changed",
    "all reconnect at once, one rule changed meanwhile",
)
_AWAITED = {CONNECT: ORDER, RULE: (ROUTE,), AN_ENDPOINT: (ENDPOINT,), RECONNECT: (ROUTE,)}


@dataclass(frozen=True)
class Publishing:
    """How to measure."""

    services: int
    clients: int
    processes: int = 2
    repeats: int = 3
    sotw: bool = False
    registering: bool = False

    @property
    def mesh(self) -> Mesh:
        """With self-registration, the services of which clients are the workloads have no other endpoints."""
        registering = max(1, min(self.services, self.clients // 10)) if self.registering else 0
        return Mesh(self.services, registering=registering)

    def workloads(self) -> tuple[Workload, ...]:
        return tuple(self.mesh.workload(replica) for replica in range(self.clients))


@dataclass(frozen=True)
class Comparison:
    """One case, by the control plane and by a server that only writes. Memory is a server's peak in MB."""

    services: int
    clients: int
    case: str
    pilot: Round
    raw: Round
    pilot_memory: float
    raw_memory: float


def measure_publishing(settings: Publishing, tell: Callable[[str], None]) -> list[Comparison]:
    """All cases for one size of mesh."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    pilot, memory = _measure_pilot(settings, tell)
    raw, raw_memory = _measure_raw(settings, pilot, tell)
    return [
        Comparison(settings.services, settings.clients, case, pilot[case], raw[case], memory, raw_memory)
        for case in pilot
    ]


def _measure_pilot(settings: Publishing, tell: Callable[[str], None]) -> tuple[dict[str, Round], float]:
    mesh = settings.mesh
    with TemporaryDirectory(prefix="pilothouse-bench-") as directory:
        config = Path(directory, "config")
        write_files(config, mesh.files())
        plane = ControlPlane(Path(directory))
        try:
            plane.wait_listening()
            with _fleet(settings, plane.pid, plane.port) as fleet:
                rounds = _play(settings, fleet, lambda files: write_files(config, files), plane.pid, tell)
                return rounds, memory_mb(plane.pid, peak=True)
        finally:
            plane.stop()


def _play(
    settings: Publishing, fleet: Fleet, edit: Callable[..., None], pid: int, tell: Callable[[str], None]
) -> dict[str, Round]:
    mesh, editions = settings.mesh, iter(range(1, 90))

    def once(case: str, cause: Callable[[], None]) -> Round:
        tell(f"{settings.services} services, {settings.clients} clients: {case}")
        return fleet.round(_AWAITED[case], cause)

    rounds = {CONNECT: once(CONNECT, fleet.connect)}
    rules = [once(RULE, lambda: edit(mesh.rule_edit(next(editions)))) for _ in range(settings.repeats)]
    moves = [once(AN_ENDPOINT, lambda: edit(mesh.endpoint_edit(next(editions)))) for _ in range(settings.repeats)]
    rounds |= {RULE: middle(rules), AN_ENDPOINT: middle(moves)}
    fleet.disconnect()
    edit(mesh.rule_edit(next(editions)))
    settled_cpu_seconds(pid)
    return rounds | {RECONNECT: once(RECONNECT, fleet.connect)}


def _measure_raw(
    settings: Publishing, pilot: dict[str, Round], tell: Callable[[str], None]
) -> tuple[dict[str, Round], float]:
    """The same rounds, by a server that is told the bytes beforehand."""
    server = Worker(run_raw_server)
    try:
        port = server.ask("start")
        with _fleet(settings, server.pid, port) as fleet:

            def once(case: str) -> Round:
                tell(f"{settings.services} services, {settings.clients} clients, raw: {case}")
                sample = pilot[case].sample
                if case in (RULE, AN_ENDPOINT):
                    return fleet.round(_AWAITED[case], lambda: server.ask("push", [data for _, data in sample]))
                server.ask("answer", _by_type(sample))
                return fleet.round(_AWAITED[case], fleet.connect)

            rounds = {CONNECT: once(CONNECT)}
            rounds |= {case: middle([once(case) for _ in range(settings.repeats)]) for case in (RULE, AN_ENDPOINT)}
            fleet.disconnect()
            rounds[RECONNECT] = once(RECONNECT)
            return rounds, memory_mb(server.pid, peak=True)
    finally:
        server.stop()


@contextmanager
def _fleet(settings: Publishing, server: int, port: int) -> Iterator[Fleet]:
    fleet = Fleet(
        settings.workloads(),
        processes=settings.processes,
        server=server,
        port=port,
        sotw=settings.sotw,
        registering=settings.registering,
    )
    try:
        yield fleet
    finally:
        fleet.stop()


def _by_type(sample: tuple[tuple[TypeUrl, bytes], ...]) -> dict[TypeUrl, list[bytes]]:
    by_type: dict[TypeUrl, list[bytes]] = {}
    for type_url, data in sample:
        by_type.setdefault(type_url, []).append(data)
    return by_type


def middle(rounds: list[Round]) -> Round:
    """The last of equal rounds with the median of each of their times."""
    return replace(
        rounds[-1],
        **{
            name: median(getattr(one, name) for one in rounds)
            for name in ("first_ack", "last_ack", "server_cpu", "client_cpu")
        },
    )
