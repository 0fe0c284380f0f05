"""An Envoy that dies comes back, after pauses that grow."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from pilot.dataplane.bootstrap import SocketAddress
from pilot.dataplane.process import EnvoyCommand, EnvoyProcess
from pilot.dataplane.supervisor import FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS, EnvoySupervisor, backoff
from tests.e2e.harness.conditions import eventually


def a_process(directory: Path, script: str) -> EnvoyProcess:
    """A stand-in for Envoy: a shell script, since only its life is of interest here."""
    binary = directory / "envoy"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    admin = SocketAddress("127.0.0.1", 9)
    return EnvoyProcess(EnvoyCommand(binary=binary, config=directory, log_file=directory / "log", admin=admin))


def test_pauses_double_up_to_a_bound() -> None:
    pauses = [backoff(deaths) for deaths in range(10)]
    assert pauses[:4] == [FIRST_BACKOFF_SECONDS * factor for factor in (1, 2, 4, 8)]
    assert pauses[-1] == LONGEST_BACKOFF_SECONDS
    assert backoff(10_000) == LONGEST_BACKOFF_SECONDS


@pytest.mark.e2e
def test_a_dead_process_is_started_again_and_its_last_words_are_told(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    twice = threading.Event()

    def on_death(reason: str, pause: float) -> None:
        told.append((reason, pause))
        if len(told) == 2:
            twice.set()

    supervisor = EnvoySupervisor(a_process(tmp_path, "echo out of luck; exit 3"), on_death)
    supervisor.start()
    assert twice.wait(10)
    supervisor.stop()
    assert [pause for _, pause in told[:2]] == [backoff(0), backoff(1)]
    assert "status 3" in told[0][0]
    assert "out of luck" in told[0][0]
    assert not supervisor.process.is_alive()


@pytest.mark.e2e
def test_a_stopped_one_stays_stopped(tmp_path: Path) -> None:
    deaths: list[str] = []
    supervisor = EnvoySupervisor(a_process(tmp_path, "exec sleep 600"), lambda reason, _: deaths.append(reason))
    supervisor.start()
    first = supervisor.process.pid
    supervisor.process.kill()
    eventually(lambda: supervisor.process.is_alive() and supervisor.process.pid != first)
    supervisor.stop()
    assert len(deaths) == 1
    assert supervisor.process.wait(timeout=0.5) is not None
    assert supervisor.restarts == 1
