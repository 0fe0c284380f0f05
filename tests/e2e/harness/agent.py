"""`pilot agent` as a process of its own, with its Envoy, as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pilot.dataplane.bootstrap import BootstrapOptions, SocketAddress
from pilot.node.node_id import ProxyKind
from pilot.node.ports import ENVOY_ADMIN_PORT
from tests.e2e.harness.envoys import Envoy, keep_dumps
from tests.e2e.harness.identity import Identity

MTLS_PORT = 15013


class Agent:
    """The agent of one sidecar of ``service_account``, with everything it writes in ``home``."""

    def __init__(self, identity: Identity, service_account: str, home: Path, *arguments: str) -> None:
        self.home = home
        self.directory = home / "agent"
        self._log_file = home / "agent.log"
        home.mkdir()
        root = home / "root-cert.pem"
        root.write_text(identity.roots)
        self.host = host = identity.mesh.addresses.host()
        options = BootstrapOptions(
            kind=ProxyKind.SIDECAR, name=service_account, ip=host, admin=SocketAddress(host, ENVOY_ADMIN_PORT)
        )
        self.envoy = Envoy(identity.mesh.envoy, options, home / "unused")
        """Its Envoy, to be asked through the admin interface; the agent starts and ends it."""
        xds_host, xds_port = identity.mesh.control_plane.xds
        self._command = [
            *(sys.executable, "-m", "pilot", "agent", "sidecar"),
            *("--name", service_account, "--service-account", service_account, "--ip", host, "--mode", "NONE"),
            *("--admin-address", host, "--admin-port", str(ENVOY_ADMIN_PORT), "--envoy", str(identity.mesh.envoy)),
            *("--xds-address", f"{xds_host}:{MTLS_PORT}", "--ca-address", f"{xds_host}:{xds_port}"),
            *("--root-cert", str(root), "--credentials", str(self.directory)),
            *(() if identity.mesh.delta else ("--sotw",)),
            *arguments,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> None:
        """Start it, without waiting for anything."""
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the agent was never started"
        return self._process

    def envoy_pid(self) -> int | None:
        """The process id of the Envoy that runs now."""
        for children in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            for pid in map(int, children.read_text().split()):
                if os.readlink(f"/proc/{pid}/exe").endswith("envoy"):
                    return pid
        return None

    def log(self) -> str:
        """All that it has written so far."""
        return self._log_file.read_text(errors="replace")

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when that does not end it."""
        if self._process is not None and self._process.poll() is None:
            keep_dumps(self.envoy, self.home / "dump")
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
