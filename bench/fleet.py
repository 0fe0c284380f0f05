"""A fleet of simulated Envoys, spread over client processes, and the rounds that they are measured in."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bench.clients import Assignment, Totals, run_clients
from bench.configuration import Workload
from bench.control_plane import HOST
from bench.processes import settled_cpu_seconds
from pilot.xds.resources import TypeUrl

_context = multiprocessing.get_context("spawn")


class Worker:
    """A process that obeys orders, given as a name and arguments and each answered."""

    def __init__(self, target: Callable[..., None], *arguments: object) -> None:
        self._orders, theirs = _context.Pipe()
        self._process = _context.Process(target=target, args=(*arguments, theirs), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def give(self, order: str, *arguments: object) -> None:
        self._orders.send((order, *arguments))

    def answer(self) -> Any:
        """The answer to the order given longest ago. Raises EOFError when the process died."""
        return self._orders.recv()

    def ask(self, order: str, *arguments: object) -> Any:
        self.give(order, *arguments)
        return self.answer()

    def stop(self) -> None:
        with suppress(OSError):  # it may have died
            self.give("stop")
        self._process.join(15)
        if self._process.is_alive():
            self._process.kill()


@dataclass(frozen=True)
class Round:
    """One thing that happened to all clients. Times are in seconds from the moment it was caused."""

    first_ack: float
    last_ack: float
    server_cpu: float
    client_cpu: float
    responses: int
    received: int
    sent: int
    sample: tuple[tuple[TypeUrl, bytes], ...]
    """What the first client was sent."""


class Fleet:
    """Clients for ``workloads``, in ``processes`` processes, of the server with process id ``server``."""

    def __init__(
        self, workloads: Sequence[Workload], *, processes: int, server: int, port: int, sotw: bool, registering: bool
    ) -> None:
        self._server = server
        count = min(processes, len(workloads))
        self._workers = [
            Worker(run_clients, Assignment(HOST, port, tuple(workloads[i::count]), sotw, registering, sampled=i == 0))
            for i in range(count)
        ]

    def connect(self) -> None:
        """Have all clients connect at once; those that hold something come back, those that hold nothing start."""
        self._all("connect")

    def disconnect(self) -> None:
        self._all("disconnect")

    def round(self, awaited: Sequence[TypeUrl], cause: Callable[[], None]) -> Round:
        """Do ``cause`` and wait until each client has acknowledged each of the ``awaited`` types."""
        cpu = settled_cpu_seconds(self._server)
        self._all("expect", frozenset(awaited))
        started = time.monotonic()
        cause()
        totals: list[Totals] = self._all("finish")
        return Round(
            first_ack=min(t.first_ack for t in totals) - started,
            last_ack=max(t.last_ack for t in totals) - started,
            server_cpu=settled_cpu_seconds(self._server) - cpu,
            client_cpu=sum(t.cpu for t in totals),
            responses=sum(t.responses for t in totals),
            received=sum(t.received for t in totals),
            sent=sum(t.sent for t in totals),
            sample=tuple(sample for t in totals for sample in t.sample),
        )

    def stop(self) -> None:
        for worker in self._workers:
            worker.stop()

    def _all(self, order: str, *arguments: object) -> list[Any]:
        for worker in self._workers:
            worker.give(order, *arguments)
        return [worker.answer() for worker in self._workers]
