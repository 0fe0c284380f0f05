"""Ordinary compose files, injected and started: what their services say to one another passes sidecars and TLS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pilot.__main__ import main
from tests.e2e.docker.engine import Engine
from tests.e2e.harness.addresses import own_addresses
from tests.e2e.harness.client import request
from tests.e2e.harness.conditions import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("docker-inject")]

FILES = Path(__file__).parent / "injected"
_ADMIN = (
    "exec 3<>/dev/tcp/127.0.0.1/15000; "
    'printf "GET $0 HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n" >&3; cat <&3'
)
_numbers = count(1)


class Project:
    """One file of ``injected/``, with sidecars, as a running Compose project."""

    def __init__(self, engine: Engine, home: Path, file: str, *flags: str) -> None:
        shutil.copy(FILES / "server.py", home)
        shutil.copy(FILES / file, home)
        self.port = own_addresses().port()
        self.file = home / "mesh.yml"
        self._images = ["--image", engine.control_plane_image, "--agent-image", engine.agent_image]
        self._images += ["--proxy-image", engine.envoy_image]
        self._flags = [*self._images, "--rules", str(home / "rules"), *flags]
        assert main(["inject", "-f", str(home / file), "-o", str(self.file), *self._flags]) == 0
        program = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
        name = f"inject-{os.getpid()}-{next(_numbers)}"
        self._command = [*program, "-p", name, "-f", str(self.file)]

    def inject_again(self) -> int:
        """The exit status of ``pilot inject --check`` on its own output."""
        return main(["inject", "-f", str(self.file), "--check", *self._flags])

    def __call__(self, *arguments: str) -> str:
        environment = {**os.environ, "WEB_PORT": str(self.port), "COMPOSE_INTERACTIVE_NO_CLI": "1"}
        done = subprocess.run(
            [*self._command, *arguments], capture_output=True, text=True, check=False, env=environment, timeout=240
        )
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def get(self, path: str = "/") -> dict[str, Any]:
        """What the page answers, through the published port."""
        answer = request(("127.0.0.1", self.port), path)
        return dict(json.loads(answer.text)) if answer.status == 200 else {"status": answer.status}

    def call(self, url: str) -> dict[str, Any]:
        """What the page hears from another service."""
        return dict(self.get(f"/call?url={quote(url)}").get("reply", {}))

    def ask(self, via: str, place: str) -> object:
        """What the service at ``via`` hears from a TCP server."""
        return self.call(f"{via}/call?at={place}").get("reply")

    def handshakes(self, sidecar: str) -> int:
        """How many TLS handshakes of clients a sidecar has completed; those with its control plane do not count."""
        page = "/stats?filter=^listener.*ssl.handshake$"
        container = self("ps", "-q", sidecar).strip()
        done = subprocess.run(
            ["docker", "exec", container, "bash", "-c", _ADMIN, page], capture_output=True, text=True, check=True
        )
        return sum(int(line.rpartition(": ")[2]) for line in done.stdout.splitlines() if "ssl.handshake: " in line)


@pytest.fixture
def started(engine: Engine, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Project]:
    """The project of the file that the test names, up."""
    project = Project(engine, tmp_path, *request.param)
    try:
        project("up", "-d")
        eventually(lambda: project.get().get("name") == "web", 60, what="the page")
        assert project.inject_again() == 0
        yield project
    except BaseException:
        print(project("ps"), project("logs", "--tail", "15"))
        raise
    finally:
        project("down", "--volumes", "--timeout", "1")


@pytest.mark.parametrize("started", [("shop.yml",), ("shop.yml", "--sidecar", "agent")], indirect=True)
def test_a_shop_with_database_cache_worker_and_a_job(started: Project) -> None:
    eventually(lambda: started.call("http://api:8000/").get("name") == "api", 30, what="the API")
    assert "URI=spiffe://cluster.local/ns/default/sa/web" in started.call("http://api:8000/")["client"]
    assert started.ask("http://api:8000", "db:5432") == "db says hello"
    assert started.handshakes("db-sidecar") > 0
    eventually(lambda: "cache says hello" in started("logs", "worker"), 30, what="the worker's answers")


@pytest.mark.parametrize("started", [("networks.yml",)], indirect=True)
def test_networks_of_which_one_is_internal(started: Project) -> None:
    eventually(lambda: started.call("http://api:8000/").get("name") == "api", 30, what="the API")
    assert "sa/web" in started.call("http://api:8000/")["client"]
    assert started.ask("http://api:8000", "db:5432") == "db says hello"
    assert "error" in started.get("/call?at=db:5432")


@pytest.mark.parametrize("started", [("fragments.yml",)], indirect=True)
def test_fragments_and_a_service_made_from_another(started: Project) -> None:
    eventually(lambda: started.call("http://admin/").get("name") == "admin", 30, what="the other service")
    assert "sa/web" in started.call("http://admin/")["client"]


@pytest.mark.parametrize("started", [("addresses.yml",)], indirect=True)
def test_static_addresses_aliases_and_one_without_sidecar(started: Project) -> None:
    eventually(lambda: started.call("http://api:8000/").get("name") == "api", 30, what="the API")
    assert "sa/web" in started.call("http://api:8000/")["client"]
    assert started.get()["host"] == "page"
    assert started.call("http://backend:8000/")["name"] == "api"
    assert started.call("http://plain:9000/")["name"] == "plain"


@pytest.mark.parametrize("started", [("replicas.yml",)], indirect=True)
def test_replicas_share_the_requests(started: Project) -> None:
    hosts: set[str] = set()

    def both_answered() -> bool:
        answer = started.call("http://api:8000/")
        hosts.add(str(answer.get("host")))
        return len(hosts - {"None"}) == 2

    eventually(both_answered, 30, what="answers of both")
    assert "sa/web" in started.call("http://api:8000/")["client"]
