"""The process that holds a network namespace: ready when told, gone at SIGTERM, with no privilege in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_HOLDER = (
    "import sys, pathlib; from pilot.redirect.hold import *; f = pathlib.Path(sys.argv[1]); prepare_hold(f); hold(f)"
)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", _HOLDER, str(tmp_path / "run" / "captured")]) as process:
        yield process
        process.kill()


def await_file(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.01)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_is_ready_then_waits_then_ends_well(
    holder: subprocess.Popen[bytes], tmp_path: Path, ending: signal.Signals
) -> None:
    await_file(tmp_path / "run" / "captured")
    assert holder.poll() is None
    holder.send_signal(ending)
    assert holder.wait(20) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to give up")
def test_it_keeps_no_privilege(holder: subprocess.Popen[bytes], tmp_path: Path) -> None:
    await_file(tmp_path / "run" / "captured")
    deadline = time.monotonic() + 20
    while "Uid:\t65534\t65534\t65534" not in (status := Path(f"/proc/{holder.pid}/status").read_text()):
        assert time.monotonic() < deadline, status
        time.sleep(0.01)
    held = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith("Cap")}
    assert {int(held[name], 16) for name in ("CapPrm", "CapEff", "CapInh")} == {0}


def test_a_ready_file_of_an_earlier_life_goes_first(tmp_path: Path) -> None:
    stale = tmp_path / "captured"
    stale.touch()
    code = "import sys, pathlib; from pilot.redirect.hold import *; prepare_hold(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(stale)], check=True)
    assert not stale.exists()
