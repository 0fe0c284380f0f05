"""Names of the mesh in a container: beside Docker's own resolver, 127.0.0.11, and the rules that lead to it.

The application is an unchanged container, its sidecar the stock Envoy image as user 1337 in the same network namespace.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from galley.frozen import FrozenMap
from pilot.commands.bootstrap import format_bootstrap
from pilot.dataplane.bootstrap import BootstrapOptions, SocketAddress
from pilot.node.node_id import ProxyKind
from pilot.redirect.system import SYSTEM_PATH
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.control_plane import ControlPlane
from tests.e2e.harness.documents import service, write
from tests.e2e.namespaces.netns import command_with_files, unavailable
from tests.e2e.namespaces.pod_mesh import PROXY_UID
from tests.e2e.test_dns_capture import APPLICATION

ENVOY_IMAGE, PYTHON_IMAGE = "envoyproxy/envoy:v1.40.0", "python:3.11-slim"
DATABASE = """
import socketserver, sys
class Handler(socketserver.BaseRequestHandler):
    def handle(self): self.request.sendall(sys.argv[1].encode() + b"\\n")
class Server(socketserver.ThreadingTCPServer): allow_reuse_address = True
Server(("0.0.0.0", 5432), Handler).serve_forever()
"""


def docker(*words: str, check: bool = True) -> str:
    """Run docker; what it prints."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 or not check, f"docker {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def no_docker() -> str:
    """Why there can be no containers here; "" when there can."""
    if unavailable():
        return unavailable()
    if not shutil.which("docker"):
        return "docker is not installed"
    done = subprocess.run(["docker", "image", "inspect", ENVOY_IMAGE, PYTHON_IMAGE], capture_output=True, check=False)
    return "" if done.returncode == 0 else f"no Docker, or no images {ENVOY_IMAGE} and {PYTHON_IMAGE}"


pytestmark = pytest.mark.skipif(bool(no_docker()), reason=no_docker())


@dataclass
class Containers:
    """A network of Docker's with containers that end with the test."""

    prefix: str
    stack: ExitStack

    def run(self, name: str, image: str, *words: str, options: tuple[str, ...] = ()) -> None:
        """Start a container."""
        full = f"{self.prefix}-{name}"
        self.stack.callback(docker, "rm", "-f", full, check=False)
        docker("run", "-d", "--name", full, *options, image, *words)

    def inspect(self, name: str, form: str) -> str:
        return docker("inspect", "-f", form, f"{self.prefix}-{name}")

    def address(self, name: str) -> str:
        return self.inspect(name, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")


@pytest.fixture
def containers() -> Iterator[Containers]:
    with ExitStack() as stack:
        made = Containers(f"dns-{os.getpid()}", stack)
        stack.callback(docker, "network", "rm", made.prefix, check=False)
        docker("network", "create", made.prefix)
        yield made


def capture(process: str) -> str:
    """Run `pilot redirect` in the network namespace of a container's process, with the container's resolv.conf."""
    files = {Path("/etc/resolv.conf"): Path(f"/proc/{process}/root/etc/resolv.conf")}
    words = command_with_files(files, "nsenter", f"--net=/proc/{process}/ns/net")
    done = subprocess.run(
        [*words, sys.executable, "-m", "pilot", "redirect", "--redirect-dns"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PATH": SYSTEM_PATH},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_names_of_the_mesh_and_of_docker_in_one_container(containers: Containers, tmp_path: Path) -> None:
    network = ("--network", containers.prefix)
    containers.run("application", PYTHON_IMAGE, "sleep", "600", options=network)
    containers.run("users", PYTHON_IMAGE, "python3", "-c", DATABASE, "users", options=network)
    containers.run("orders", PYTHON_IMAGE, "python3", "-c", DATABASE, "orders", options=network)
    gateway = docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", containers.prefix)
    plane = ControlPlane(tmp_path / "control", host=gateway, xds_port=15810, admin_port=15814)
    plane.admin = ("127.0.0.1", 15814)
    containers.stack.callback(plane.stop)
    entries = [
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "WorkloadEntry",
            "metadata": {"name": name},
            "spec": {"address": containers.address(name), "labels": {"app": f"{name}-db"}},
        }
        for name in ("users", "orders")
    ]
    services = [service(f"{name}-db", port=5432, port_name="tcp") for name in ("users", "orders")]
    plane.write("services.yaml", write(*services, *entries))
    plane.start(["--insecure"])
    options = BootstrapOptions(
        kind=ProxyKind.SIDECAR,
        name="application",
        ip=containers.address("application"),
        labels=FrozenMap({"app": "application"}),
        dns_capture=True,
        xds=SocketAddress(gateway, 15810),
        admin=SocketAddress("127.0.0.1", 15000),
        status_port=15021,
    )
    bootstrap = tmp_path / "envoy.yaml"
    bootstrap.write_text(format_bootstrap(options, output_format="yaml"))
    bootstrap.chmod(0o644)
    capture(containers.inspect("application", "{{.State.Pid}}"))
    beside = ("--network", f"container:{containers.prefix}-application", "--user", str(PROXY_UID))
    mounted = ("-v", f"{bootstrap}:/envoy.yaml:ro", "--entrypoint", "envoy")
    containers.run("sidecar", ENVOY_IMAGE, "-c", "/envoy.yaml", options=(*beside, *mounted))

    def ask(*words: str) -> object:
        return json.loads(docker("exec", f"{containers.prefix}-application", "python3", "-c", APPLICATION, *words))

    found = eventually(lambda: ask("resolve", "users-db"), 20, what="a name of the mesh")
    assert isinstance(found, list)
    assert [address.startswith("240.240.") for address in found] == [True]
    assert eventually(lambda: ask("talk", "users-db", "5432"), 10, what="the database of users") == "users"
    assert ask("talk", "orders-db", "5432") == "orders"
    # Docker's own names are had through the sidecar from Docker's own resolver.
    name = f"{containers.prefix}-orders"
    assert ask("resolve", name) == [containers.address("orders")]
    assert ask("talk", name, "5432") == "orders"
    assert ask("resolve", "nowhere") == []
