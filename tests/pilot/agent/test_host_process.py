"""The agent as a process of its host."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pilot.agent.host_process import READY, notify

SCRIPT = """
import os
from pilot.agent.host_process import reap_orphans

children = [os.spawnlp(os.P_NOWAIT, "true", "true") for _ in range(3)]
for child in children:
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
assert reap_orphans(None) == 3
own = os.spawnlp(os.P_NOWAIT, "true", "true")
os.waitid(os.P_PID, own, os.WEXITED | os.WNOWAIT)
assert reap_orphans(own) == 0
assert os.waitpid(own, 0) == (own, 0)
assert reap_orphans(own) == 0
"""


@pytest.mark.parametrize("abstract", [False, True])
def test_the_service_manager_is_told(tmp_path: Path, abstract: bool) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(5)
        manager.bind("\0" + path if abstract else path)
        notify(READY, {"NOTIFY_SOCKET": "@" + path if abstract else path})
        assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere"}])
def test_without_one_nothing_happens(environment: dict[str, str]) -> None:
    notify(READY, environment)


def test_all_children_are_reaped_but_the_one_that_somebody_waits_for() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, env=os.environ, timeout=60)
