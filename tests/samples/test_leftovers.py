"""Processes that a demo left are found by their command lines, and no others are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from samples.bookinfo.demo.leftovers import end_leftovers, find_leftovers, is_of_demo
from samples.bookinfo.demo.locks import AlreadyRunningError, locked

HOME = Path("/home/a b/.demo")
ENVOY = [
    "/x/envoy",
    "-c",
    f"{HOME}/envoy/reviews-v1.yaml",
    "--concurrency",
    "1",
    "--disable-hot-restart",
    "--log-level",
]
SERVE = [
    "python",
    "-m",
    "pilot",
    "serve",
    "--config",
    f"{HOME}/rules",
    "--state",
    f"{HOME}/state",
    "--xds-address",
    "x",
]


def test_the_demos_own_processes_are_known() -> None:
    assert is_of_demo(ENVOY, HOME)
    assert is_of_demo(SERVE, HOME)


@pytest.mark.parametrize(
    "command",
    [
        ["vim", f"{HOME}/envoy/reviews-v1.yaml"],
        ["tail", "-f", f"{HOME}/logs/pilot.log"],
        ["python", "-m", "samples.bookinfo.demo", "--home", str(HOME)],
        [part.replace(".demo", ".demo/check") for part in ENVOY],
        [part.replace(".demo", ".demo2") for part in SERVE],
        ["python", "-m", "pilot", "serve", "--config", "rules", "--state", "state"],
    ],
)
def test_others_are_not(command: list[str]) -> None:
    assert not is_of_demo(command, HOME)


@pytest.fixture
def pretender(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with the command line of an Envoy of the demo of ``tmp_path``, which ignores SIGTERM."""
    code = (
        "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, "-c", f"{tmp_path}/envoy/x.yaml", "--disable-hot-restart", "x"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.e2e
def test_what_is_left_is_ended_even_when_it_does_not_listen(pretender: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert find_leftovers(tmp_path) == [pretender.pid]
    assert end_leftovers(tmp_path / "elsewhere") == 0
    assert end_leftovers(tmp_path, grace=0.1) == 1
    assert pretender.wait(5) < 0
    assert end_leftovers(tmp_path) == 0


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / "sub" / "lock"
    with (
        locked(lock, otherwise="taken"),
        pytest.raises(AlreadyRunningError, match="taken"),
        locked(lock, otherwise="taken", patience=0.1),
    ):
        pytest.fail("two hold it")
    with locked(lock):
        """It is free again."""
