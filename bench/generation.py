"""What it costs to make one proxy's configuration, and to make it again after a change: no server, no sockets.

Run as a program it measures one size and prints JSON, so that each size has a process, and a memory, of its own.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any, TypeVar

from bench.configuration import ROUTE_NAMES, Files, Mesh, Workload
from bench.messages import metadata_of, node_id_of
from bench.processes import memory_mb
from galley.publishing.loading import LoadedUnit, load_unit
from galley.snapshot import ConfigSnapshot, build_snapshot
from galley.sources import Unit
from pilot.generate import Generator
from pilot.mesh.context.proxy import Proxy, read_proxy
from pilot.mesh.context.push_context import PushContext, build_push_context
from pilot.registry.build import build_catalog
from pilot.xds.delta import DeltaStream
from pilot.xds.events import DeltaRequested, Event, Published, Requested, Respond
from pilot.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, ResourceSnapshot
from pilot.xds.sotw import SotwStream
from pilot.xds.stream import Stream
from pilot.xds.wire import ResponseEncoder

T = TypeVar("T")
REPEATS = 5


class Configuration:
    """Files and what they mean, as the server holds them; times of its stages are in ``seconds``."""

    def __init__(self) -> None:
        self._files: dict[str, LoadedUnit] = {}
        self._config: ConfigSnapshot | None = None
        self.context: PushContext | None = None
        self.seconds: dict[str, float] = {}

    def apply(self, files: Files) -> PushContext:
        """Load these files, and build snapshot, catalog and context anew where they differ."""
        sources = [Unit.of(path, text.encode()) for path, text in files.items()]
        loaded = self._timed("load", lambda: [load_unit(s, previous=self._files.get(s.id)) for s in sources])
        assert all(file.is_acceptable for file in loaded)
        self._files |= {file.unit.id: file for file in loaded}
        self._config = self._timed("snapshot", self._snapshot)
        self.context = self._timed("context", self._build_context)
        return self.context

    def _snapshot(self) -> ConfigSnapshot:
        resources = (resource for file in self._files.values() for resource in file.resources)
        return build_snapshot(resources, self._config)[0]

    def _build_context(self) -> PushContext:
        assert self._config is not None
        catalog = build_catalog(self._config, (), self.context.catalog if self.context else None)
        return build_push_context(self._config, catalog, self.context)

    def fresh_context(self) -> PushContext:
        """The same context, as if it were the first."""
        assert self._config is not None
        return build_push_context(self._config, build_catalog(self._config, ()))

    def _timed(self, stage: str, make: Callable[[], T]) -> T:
        seconds, value = timed(make)
        self.seconds[stage] = seconds
        return value


class Dialogue:
    """One client in memory: it asks for everything by one variant, and accepts it."""

    def __init__(self, stream: Stream, encoder: ResponseEncoder) -> None:
        self._stream, self._encoder = stream, encoder
        self._delta = isinstance(stream, DeltaStream)
        self._asked = False
        self.sent = 0

    def publish(self, snapshot: ResourceSnapshot) -> int:
        """Everything up to the last acknowledgement; how many bytes were sent."""
        before = self.sent
        self._handle(Published(snapshot))
        if not self._asked:
            self._asked = True
            names = {ENDPOINT: tuple(snapshot.of(ENDPOINT).names()), ROUTE: ROUTE_NAMES}
            for type_url in (CLUSTER, ENDPOINT, LISTENER, ROUTE):
                self._names = names
                self._handle(
                    DeltaRequested(type_url, subscribe=names.get(type_url, ()))
                    if self._delta
                    else Requested(type_url, names=names.get(type_url, ()))
                )
        return self.sent - before

    def _handle(self, event: Event) -> None:
        for command in list(self._stream.handle(event)):
            if isinstance(command, Respond):
                encode = self._encoder.encode_delta if self._delta else self._encoder.encode_sotw
                self.sent += len(encode(command))
                self._handle(self._ack(command))

    def _ack(self, response: Respond) -> Event:
        if self._delta:
            return DeltaRequested(response.type_url, nonce=response.nonce)
        names = self._names.get(response.type_url, ())
        return Requested(response.type_url, names=names, nonce=response.nonce, version=response.version)


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds and result of ``work``."""
    started = time.perf_counter()
    value = work()
    return time.perf_counter() - started, value


def proxy_of(workload: Workload) -> Proxy:
    return read_proxy(node_id=node_id_of(workload), metadata=metadata_of(workload))


def measure_generation(services: int, repeats: int = REPEATS) -> dict[str, Any]:
    """Seconds by measure, bytes by message, megabytes of memory, and counters."""
    _warm_up()
    gc.collect()
    base = memory_mb()
    mesh, configuration = Mesh(services), Configuration()
    configuration.apply(mesh.files())
    seconds = {f"{stage}, all files": value for stage, value in configuration.seconds.items()}
    configured = memory_mb()
    cold = [_first(configuration.fresh_context(), mesh) for _ in range(repeats)]
    seconds |= {
        "first proxy: generate": median(c[0] for c in cold),
        "first proxy: join, delta": median(c[1] for c in cold),
    }
    assert configuration.context is not None
    generator = Generator(configuration.context)
    encoder = ResponseEncoder()
    delta, sotw = Dialogue(DeltaStream(), encoder), Dialogue(SotwStream(), encoder)
    first = generator.snapshot_of(proxy_of(mesh.workload(0)))
    sizes = {"full, state of the world": sotw.publish(first), "full, delta": delta.publish(first)}
    seconds |= _others(generator, mesh, encoder)
    generated = memory_mb()
    changes = (("one rule", mesh.rule_edit), ("one endpoint", mesh.endpoint_edit))
    counts = {}
    for what, edit in changes:
        found = [
            _change(configuration, generator, edit(edition), mesh, (delta, sotw)) for edition in range(1, 1 + repeats)
        ]
        seconds |= {f"{what}: {stage}": median(f[0][stage] for f in found) for stage in found[0][0]}
        sizes |= {f"{what}, delta": found[-1][1], f"{what}, state of the world": found[-1][2]}
        counts[what] = found[-1][3]
    memory = {
        "interpreter and messages": base, "configuration": configured - base, "generated": generated - configured,
        "peak": memory_mb(peak=True),
    }  # fmt: skip
    return {"services": services, "seconds": seconds, "bytes": sizes, "memory": memory, "work": counts}


def _warm_up() -> None:
    """Compile encoders and fill caches of types, as a server has done before its first client."""
    mesh, configuration = Mesh(10), Configuration()
    _first(configuration.apply(mesh.files()), mesh)


def _first(context: PushContext, mesh: Mesh) -> tuple[float, float]:
    generator, proxy = Generator(context), proxy_of(mesh.workload(0))
    gc.collect()
    generate, snapshot = timed(lambda: generator.snapshot_of(proxy))
    join, _ = timed(lambda: Dialogue(DeltaStream(), ResponseEncoder()).publish(snapshot))
    return generate, join


def _others(generator: Generator, mesh: Mesh, encoder: ResponseEncoder) -> dict[str, float]:
    """Further proxies: replicas, other workloads of the namespace, and one in another namespace."""
    replicas = [mesh.workload(replica) for replica in range(1, mesh.endpoints)]
    neighbours = [mesh.workload(index * mesh.endpoints) for index in (1, 2, 4, 5, 6)]
    stranger = Workload("stranger", "team-1", "10.9.9.9", "stranger", "v1")
    named = {
        "second proxy, same scope": replicas,
        "proxy of another workload": neighbours,
        "proxy in another namespace": [stranger],
    }
    seconds = {}
    for what, workloads in named.items():
        proxies = list(map(proxy_of, workloads))
        runs = [timed(lambda proxy=proxy: generator.snapshot_of(proxy)) for proxy in proxies]  # type: ignore[misc]
        seconds[f"{what}: generate"] = median(run[0] for run in runs)
        joins = [timed(lambda run=run: Dialogue(DeltaStream(), encoder).publish(run[1])) for run in runs]  # type: ignore[misc]
        seconds[f"{what}: join, delta"] = median(join[0] for join in joins)
    return seconds


def _change(
    configuration: Configuration, generator: Generator, edit: Files, mesh: Mesh, dialogues: Iterable[Dialogue]
) -> tuple[dict[str, float], int, int, dict[str, int]]:
    """Seconds by stage, bytes by delta and by state of the world, and how much was planned and encoded."""
    before = generator.counters
    context = configuration.apply(edit)
    seconds = {"load": configuration.seconds["load"]}
    seconds["snapshot, context"] = configuration.seconds["snapshot"] + configuration.seconds["context"]
    proxy = proxy_of(mesh.workload(0))

    def generate() -> ResourceSnapshot:
        generator.advance(context)
        return generator.snapshot_of(proxy)

    seconds["generate"], snapshot = timed(generate)
    delta, sotw = dialogues
    seconds["join, delta"], small = timed(lambda: delta.publish(snapshot))
    large = sotw.publish(snapshot)
    after = generator.counters
    work = {name: getattr(after, name) - getattr(before, name) for name in ("plans", "encodings", "sets")}
    return seconds, small, large, work


if __name__ == "__main__":
    print(json.dumps(measure_generation(int(sys.argv[1]), *map(int, sys.argv[2:]))))
