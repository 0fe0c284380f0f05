from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pilot.agent.notify import READY, notify


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
