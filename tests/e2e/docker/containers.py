"""Containers, networks and Compose projects of one test, in the Docker of this machine; removed at its end."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

APP_IMAGE = "python:3.11-slim"
ENVOY_IMAGE = "envoyproxy/envoy:v1.40.0"
SERVER = (Path(__file__).parent / "graceful_server.py").read_text(encoding="utf-8")

_numbers = itertools.count(1)


def docker(*arguments: str) -> str:
    """Run a docker command; its output. Raises AssertionError with its words when it fails."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"docker {' '.join(arguments)[:200]}: {done.stderr}"
    return done.stdout.strip()


def inspect(name: str) -> dict[str, Any]:
    """What the Engine says of a container."""
    (found,) = json.loads(docker("container", "inspect", name))
    assert isinstance(found, dict)
    return found


def address(name: str, network: str = "bridge") -> str:
    """A container's IPv4 address in a network."""
    return str(inspect(name)["NetworkSettings"]["Networks"][network]["IPAddress"])


class Sandbox:
    """What a test makes. ``project`` is a Compose project's name of its own, and the prefix of all names."""

    def __init__(self, home: Path) -> None:
        self.project = f"docker-registry-{os.getpid()}-{next(_numbers)}"
        self._home = home
        self._stack = ExitStack()

    def close(self) -> None:
        """Remove everything, containers before their networks."""
        self._stack.close()

    def create(
        self,
        name: str,
        *command: str,
        image: str = APP_IMAGE,
        labels: Mapping[str, str] | None = None,
        options: tuple[str, ...] = (),
    ) -> str:
        """Create a container of the project, service ``name``; without command it serves HTTP on 9080."""
        full = f"{self.project}-{name}"
        compose = {"com.docker.compose.project": self.project, "com.docker.compose.service": name}
        marks = [f"--label={label}={value}" for label, value in {**compose, **(labels or {})}.items()]
        docker("create", f"--name={full}", *marks, *options, image, *(command or ("python", "-c", SERVER)))
        self._stack.callback(docker, "rm", "-f", "-v", full)
        return full

    def run(self, name: str, *command: str, **details: Any) -> str:
        """``create`` and start."""
        full = self.create(name, *command, **details)
        docker("start", full)
        return full

    def network(self, name: str) -> str:
        """A network of the project."""
        full = f"{self.project}_{name}"
        docker("network", "create", full)
        self._stack.callback(docker, "network", "rm", full)
        return full

    def compose(self, services: Mapping[str, Any]) -> Compose:
        """A Compose project with these services, taken down at the end."""
        file = self._home / "compose.json"
        file.write_text(json.dumps({"version": "2.4", "services": services}))
        project = Compose(self.project, file)
        self._stack.callback(project, "down", "-t", "3", "-v")
        return project


class Compose:
    """``docker-compose`` (or ``docker compose``) for one file."""

    def __init__(self, project: str, file: Path) -> None:
        program = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
        self._command = [*program, "-p", project, "-f", str(file)]

    def __call__(self, *arguments: str) -> None:
        done = subprocess.run([*self._command, *arguments], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, f"compose {' '.join(arguments)}: {done.stderr}"
