"""Docker for the tests of this process: prepared once for all processes, and left as it was found."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TextIO

from tests.e2e.harness.envoy_versions import VERSIONS, envoy_binary

ROOT = Path(__file__).resolve().parents[3]
ENVOY_IMAGE = f"envoyproxy/envoy:v{VERSIONS[-1]}"
_PREPARE = Path(__file__).parent / "prepare"
_CANNOT = 3


class NoDockerError(Exception):
    """Docker cannot run here; the message says why."""


@dataclass(frozen=True)
class Engine:
    """A Docker Engine that answers and has the images: those of the source as it is now among them."""

    control_plane_image: str
    agent_image: str
    envoy_image: str = ENVOY_IMAGE


@cache
def ready_engine() -> Engine:
    """Prepare Docker; a minute or two the first time, then at once. Raises NoDockerError, AssertionError."""
    directory = Path(tempfile.gettempdir(), f"pilothouse-test-docker-{os.getuid()}")
    directory.mkdir(exist_ok=True)
    users = (directory / "users").open("a")
    _HELD.append(users)
    with (directory / "preparing").open("a") as preparing:
        # One process prepares, the others of a parallel run wait for it.
        fcntl.flock(preparing, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        command = [str(_PREPARE), str(envoy_binary(VERSIONS[-1])), ENVOY_IMAGE, users.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode == _CANNOT:
        raise NoDockerError(_last_line(done.stderr))
    assert done.returncode == 0, f"{_PREPARE.name}: {done.stderr}"
    tag = _last_line(done.stdout)
    return Engine(f"pilothouse-e2e/pilothouse:{tag}", f"pilothouse-e2e/pilothouse-agent:{tag}")


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


_HELD: list[TextIO] = []
"""A shared lock for the life of this process: a dockerd that the tests started ends when nobody has one."""
