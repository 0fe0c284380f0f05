"""`pilot serve` as a process of its own on free ports, as a user runs it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

HOST = "127.0.0.1"
START_SECONDS = 120.0


class StartError(RuntimeError):
    """The control plane did not come up; the text ends with its log."""


class ControlPlane:
    """Started by the constructor, on the files below ``home/config``, with more ``arguments``; ``started`` is when."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.log = home / "pilot.log"
        self.port = free_port()
        command = [
            *(sys.executable, "-m", "pilot", "serve", "--config", str(home / "config"), "--state", str(home / "state")),
            *("--xds-address", f"{HOST}:{self.port}", "--admin-address", f"{HOST}:{free_port()}"),
            *arguments,
        ]
        with self.log.open("wb") as log:
            self.started = time.monotonic()
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_listening(self) -> float:
        """Seconds from the start until it accepts connections. Raises StartError."""
        while not is_listening(self.port):
            if self._process.poll() is not None or time.monotonic() - self.started > START_SECONDS:
                raise StartError(f"pilot serve does not listen:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.002)
        return time.monotonic() - self.started

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
