"""One Compose project of a test: our own docker-compose.yml, with rules, port and images of the test's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.e2e.docker.engine import ROOT, Engine
from tests.e2e.harness.client import Answer, request
from tests.e2e.harness.conditions import eventually

# Asks an Envoy's admin interface, with what the stock image has.
_ADMIN = (
    "exec 3<>/dev/tcp/127.0.0.1/15000;"
    'printf "GET $0 HTTP/1.1\\r\\nHost: admin\\r\\nConnection: close\\r\\n\\r\\n" >&3; cat <&3'
)


class Stack:
    """``docker-compose`` with one file. Leaving the `with` block removes everything of the project."""

    def __init__(self, engine: Engine, home: Path, name: str, port: int, *overrides: Path) -> None:
        self.project = name
        self.engine = engine
        self.gateway = ("127.0.0.1", port)
        self.rules = home / "rules"
        shutil.copytree(ROOT / "rules", self.rules)
        files = [ROOT / "docker-compose.yml", *overrides]
        program = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
        self._command = [*program, "-p", name, *(f"--file={file}" for file in files)]
        self._environment = {
            **os.environ,
            "PILOTHOUSE_IMAGE": engine.control_plane_image,
            "PILOTHOUSE_AGENT_IMAGE": engine.agent_image,
            "ENVOY_IMAGE": engine.envoy_image,
            "GATEWAY_PORT": f"127.0.0.1:{port}",
            "RULES": str(self.rules),
            "COMPOSE_INTERACTIVE_NO_CLI": "1",
        }

    def __enter__(self) -> Stack:
        return self

    def __exit__(self, *exception: object) -> None:
        self("down", "--volumes", "--remove-orphans", "--timeout", "2")

    def __call__(self, *arguments: str, timeout: float = 180.0) -> str:
        """Run ``docker-compose``; its output. Raises AssertionError with its words."""
        done = subprocess.run(
            [*self._command, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env=self._environment,
            timeout=timeout,
        )
        assert done.returncode == 0, f"compose {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def up(self) -> float:
        """Start everything; seconds until the page is served with reviews."""
        started = time.monotonic()
        self("up", "-d", "--no-build")
        eventually(self.page_is_whole, 60, what="the page with details and reviews")
        return time.monotonic() - started

    def page(self) -> Answer:
        """The product page, through the published port."""
        return request(self.gateway, "/productpage")

    def page_is_whole(self) -> bool:
        """Whether details and reviews are in the page."""
        answer = self.page()
        return answer.status == 200 and "unavailable" not in answer.text

    def versions(self, count: int = 20) -> Counter[str]:
        """Which versions of reviews ``count`` requests saw."""
        return Counter(self._version() for _ in range(count))

    def _version(self) -> str:
        answer = request(self.gateway, "/api/v1/products/0/reviews")
        return str(answer.json["version"]) if answer.status == 200 else str(answer.status)

    def container(self, service: str) -> str:
        """The id of a service's container. Raises LookupError when there is none."""
        found = self("ps", "-q", service).split()
        if len(found) != 1:
            raise LookupError(f"{service} has {len(found)} containers")
        return found[0]

    def ip(self, service: str) -> str:
        """The address of a service's container."""
        return docker(
            "inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", self.container(service)
        )

    def crash(self, service: str) -> None:
        """Kill a container's first process as the kernel would; Docker, not told to, starts it again."""
        before = self.state(service)
        os.kill(int(str(before["Pid"])), signal.SIGKILL)
        eventually(lambda: self.state(service)["StartedAt"] != before["StartedAt"], 30, what=f"{service} runs again")
        eventually(lambda: self.state(service)["Running"], 30, what=f"{service} runs")

    def state(self, service: str) -> dict[str, Any]:
        """What the Engine says of a container's process."""
        return dict(json.loads(docker("inspect", "-f", "{{json .State}}", self.container(service))))

    def is_healthy(self, service: str) -> bool:
        """What its health check last said."""
        return bool(self.state(service)["Health"]["Status"] == "healthy")

    def stat(self, sidecar: str, name: str) -> int:
        """The sum of the Envoy counters whose name ends with ``name``."""
        text = docker("exec", self.container(sidecar), "bash", "-c", _ADMIN, f"/stats?usedonly&filter={name}$")
        return sum(int(line.rpartition(": ")[2]) for line in text.splitlines() if re.search(rf"{name}: \d+$", line))

    def stranger(self, program: str) -> str:
        """Run Python in a container without sidecar, in the project's network; its output."""
        network = f"--network={self.project}_default"
        return docker("run", "--rm", network, "python:3.11-slim", "python3", "-c", program)

    def leftovers(self) -> str:
        """Containers, networks and volumes of the project."""
        label = f"--filter=label=com.docker.compose.project={self.project}"
        kinds = (("ps", "-a"), ("network", "ls"), ("volume", "ls"))
        return "".join(docker(*kind, "-q", label) for kind in kinds)

    def report(self) -> str:
        """What the containers logged last, for a failed test."""
        return self("ps") + self("logs", "--no-color", "--tail", "25")


def docker(*arguments: str) -> str:
    """Run a docker command; its output. Raises AssertionError with its words."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"docker {' '.join(arguments)[:200]}: {done.stderr}"
    return done.stdout.strip()
