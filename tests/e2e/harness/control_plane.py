"""`pilot serve` as a process of its own, as a user runs it."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from pilot.dataplane.bootstrap import SocketAddress
from tests.e2e.harness.client import Answer, request


class ControlPlaneError(AssertionError):
    """The control plane did not start, or ended. The message ends with its last log lines."""


class ControlPlane:
    """One `pilot serve`, with its configuration directory, state directory and log in ``home``.

    It can be killed and started again: directory, state and addresses stay the same. ``inside`` is a command that
    runs the rest of its command line elsewhere, in a network namespace say.
    """

    def __init__(
        self, home: Path, *, host: str, xds_port: int = 15010, admin_port: int = 15014, inside: Iterable[str] = ()
    ) -> None:
        self.config = home / "config"
        self.state = home / "state"
        self.log_file = home / "pilot.log"
        self.config.mkdir(parents=True, exist_ok=True)
        self.xds = (host, xds_port)
        self.admin = (host, admin_port)
        self._inside = tuple(inside)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, arguments: Iterable[str] = (), *, timeout: float = 60.0, wait: bool = True) -> None:
        """Start it and wait until its admin interface answers. Raises ControlPlaneError."""
        command = [
            *self._inside,
            *(sys.executable, "-m", "pilot", "serve"),
            *("--config", str(self.config), "--state", str(self.state)),
            *("--xds-address", str(SocketAddress(*self.xds))),
            *("--admin-address", str(SocketAddress(*self.admin))),
            *arguments,
        ]
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        if wait:
            self.wait_healthy(timeout)

    def wait_healthy(self, timeout: float = 60.0) -> None:
        """Wait for 200 from `/healthz`. Raises ControlPlaneError when it ends before, or takes longer."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise ControlPlaneError(f"pilot serve ended with status {self.exit_status}:\n{self.log_tail()}")
            try:
                if self.get("/healthz").status == http.client.OK:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        raise ControlPlaneError(f"pilot serve was not healthy after {timeout:g} s:\n{self.log_tail()}")

    @property
    def exit_status(self) -> int | None:
        return self._process.poll() if self._process else None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def wait_exit(self, timeout: float = 60.0) -> int:
        """Its exit status, once it has ended by itself."""
        if self._process is None:
            raise ControlPlaneError("pilot serve was never started")
        return self._process.wait(timeout)

    def get(self, path: str) -> Answer:
        """``GET path`` from its admin interface."""
        return request(self.admin, path, timeout=5.0)

    def keep_pages(self, directory: Path) -> None:
        """All pages of its admin interface, each in a file of ``directory``; none when it is gone."""
        try:
            nodes = [one["id"] for one in self.get("/debug/syncz").json]
            dumps = [f"/debug/config_dump?proxyID={quote(node)}" for node in dict.fromkeys(nodes)]
            for number, page in enumerate([*self.get("/").text.split(), *dumps]):
                (directory / f"page-{number}.txt").write_text(f"{page}\n{self.get(page).text}")
        except (OSError, http.client.HTTPException, ValueError):
            return

    def write(self, name: str, text: str) -> Path:
        """Save one configuration file as an editor does: whole, by rename."""
        path = self.config / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_text(text)
        temporary.replace(path)
        return path

    def remove(self, name: str) -> None:
        """Delete one configuration file."""
        (self.config / name).unlink()

    def log(self) -> str:
        """All that it has written so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def log_tail(self, lines: int = 40) -> str:
        return "\n".join(self.log().splitlines()[-lines:])

    def terminate(self) -> None:
        """Tell it to stop, and do not wait for that."""
        if self._process is not None:
            self._process.terminate()

    def stop(self, grace: float = 10.0) -> None:
        """SIGTERM, and SIGKILL after ``grace`` seconds."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
