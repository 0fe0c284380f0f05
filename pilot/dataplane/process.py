"""One Envoy process: started, awaited, asked through its admin interface, drained and stopped, even by another."""

from __future__ import annotations

import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pilot.dataplane.bootstrap import Address, PipeAddress
from pilot.dataplane.errors import EnvoyDiedError, EnvoyError, EnvoyNotReadyError, EnvoyUnreachableError
from pilot.dataplane.hot_restart import HotRestart

POLL_SECONDS = 0.02
STANDARD_ERROR = 2
LOG_TAIL_LINES = 15


class _Launcher:
    """Starts every process from one thread that lives as long as this process.

    With hot restart Envoy asks the kernel to end it with its parent *thread* (PR_SET_PDEATHSIG), so one started from
    a worker or test thread would die with that thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: queue.SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]]
        self._orders = queue.SimpleQueue()
        self._pid = 0

    def launch(self, start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._pid != os.getpid():  # first use, or after a fork, which takes no threads along
                self._orders = queue.SimpleQueue()
                threading.Thread(target=self._serve, args=(self._orders,), name="envoy-launcher", daemon=True).start()
                self._pid = os.getpid()
        launched: Future[subprocess.Popen[bytes]] = Future()
        self._orders.put((start, launched))
        return launched.result()

    @staticmethod
    def _serve(
        orders: queue.SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]],
    ) -> None:
        while True:
            start, launched = orders.get()
            try:
                launched.set_result(start())
            except BaseException as error:  # handed to the caller, who waits for it
                launched.set_exception(error)


_LAUNCHER = _Launcher()


@dataclass(frozen=True)
class EnvoyCommand:
    """How to start one Envoy. ``log_file`` receives its standard output and error, appended; with None they go where
    this process's standard error goes. ``override`` is a part of a bootstrap that Envoy merges over ``config``."""

    binary: Path
    config: Path
    log_file: Path | None
    admin: Address
    concurrency: int = 1
    log_level: str = "warning"
    arguments: tuple[str, ...] = ()
    override: str = ""
    hot_restart: HotRestart | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def line(self) -> list[str]:
        """The command line. Without hot restart, any number of Envoys can share a host unseen."""
        return [
            str(self.binary),
            "-c",
            str(self.config),
            *(("--config-yaml", self.override) if self.override else ()),
            "--concurrency",
            str(self.concurrency),
            *(self.hot_restart.arguments() if self.hot_restart else ("--disable-hot-restart",)),
            "--log-level",
            self.log_level,
            # At every push Envoy would warn of fields that Istio sends, too: their successors say something else.
            "--component-log-level",
            "misc:error",
            *self.arguments,
        ]


class EnvoyProcess:
    """One running Envoy and its admin interface. Usable as a context manager, which stops it at the end."""

    def __init__(self, command: EnvoyCommand) -> None:
        self.command = command
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> EnvoyProcess:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process id; None before `start`."""
        return self._process.pid if self._process else None

    def is_alive(self) -> bool:
        """Whether the process was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process, without waiting for it. Raises EnvoyError when it cannot be executed."""
        if self.is_alive():
            raise EnvoyError(f"{self.command.config} already has a running Envoy, pid {self.pid}")
        environment = {**os.environ, **self.command.environment}
        with self._open_log() as log:
            try:
                self._process = _LAUNCHER.launch(
                    lambda: subprocess.Popen(
                        self.command.line(),
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        env=environment,
                        # Its own group, so that Ctrl-C in a terminal reaches us alone and we stop it in order.
                        start_new_session=True,
                    )
                )
            except OSError as error:
                raise EnvoyError(f"cannot execute {self.command.binary}: {error}") from error

    def _open_log(self) -> AbstractContextManager[IO[bytes] | int]:
        if self.command.log_file is None:
            return nullcontext(STANDARD_ERROR)
        self.command.log_file.parent.mkdir(parents=True, exist_ok=True)
        return self.command.log_file.open("ab")

    def wait_ready(self, timeout: float = 20.0) -> None:
        """Wait until the admin interface says LIVE: configured, and listening. ``timeout`` in seconds.

        Raises EnvoyDiedError or EnvoyNotReadyError with the last log lines.
        """
        deadline = time.monotonic() + timeout
        answer = "the admin interface did not answer"
        while time.monotonic() < deadline:
            if not self.is_alive():
                raise EnvoyDiedError(self._account(f"Envoy ended with status {self._status()} before it was ready"))
            try:
                status, body = self.request("GET", "/ready", timeout=1.0)
            except EnvoyUnreachableError as error:
                answer = str(error)
            else:
                if status == http.client.OK and self._has_taken_over():
                    return
                answer = body.decode(errors="replace").strip()
            time.sleep(POLL_SECONDS)
        raise EnvoyNotReadyError(self._account(f"Envoy was not ready after {timeout:g} s ({answer})"))

    def _has_taken_over(self) -> bool:
        """Whether the admin interface is its own already, and not that of the Envoy before it."""
        if self.command.hot_restart is None:
            return True
        try:
            options = json.loads(self.admin("/server_info"))["command_line_options"]
        except (EnvoyError, ValueError, LookupError):
            return False
        return int(options.get("restart_epoch", 0)) == self.command.hot_restart.epoch

    def stop(self, grace: float = 5.0) -> None:
        """End the process: SIGTERM, and SIGKILL after ``grace`` seconds. Does nothing when it has ended."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        if self.is_alive() and self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end of the process. Its exit status, or None after ``timeout`` seconds."""
        if self._process is None:
            return None
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def drain(self) -> None:
        """Ask clients to leave: HTTP/1.1 answers say ``connection: close``, HTTP/2 gets GOAWAY; nothing is cut."""
        self._admin_text("POST", "/drain_listeners?graceful&skip_exit")

    def fail_health_checks(self) -> None:
        """Make `/ready` and Envoy's own health answers negative, so that balancers look elsewhere."""
        self._admin_text("POST", "/healthcheck/fail")

    def admin(self, path: str) -> str:
        """The body of ``GET path`` from the admin interface. Raises EnvoyError when it does not answer with 200."""
        return self._admin_text("GET", path)

    def request(self, method: str, path: str, *, timeout: float = 5.0) -> tuple[int, bytes]:
        """Status and body of a request to the admin interface. Raises EnvoyUnreachableError."""
        connection = _connect(self.command.admin, timeout)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise EnvoyUnreachableError(
                f"no answer from the admin interface at {self.command.admin}: {error}"
            ) from error
        finally:
            connection.close()

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """The last lines of its log; "" of one that is kept elsewhere."""
        if self.command.log_file is None:
            return ""
        try:
            with self.command.log_file.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - 400 * lines))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def _admin_text(self, method: str, path: str) -> str:
        status, body = self.request(method, path)
        text = body.decode(errors="replace")
        if status != http.client.OK:
            raise EnvoyError(f"{method} {path} on the admin interface: {status} {text.strip()}")
        return text

    def _status(self) -> int | None:
        return self._process.poll() if self._process else None

    def _account(self, message: str) -> str:
        tail = self.log_tail()
        if self.command.log_file is None:
            return f"{message}; see its log above"
        return f"{message}; the end of {self.command.log_file}:\n{tail}" if tail else f"{message}; its log is empty"


def _connect(address: Address, timeout: float) -> http.client.HTTPConnection:
    if isinstance(address, PipeAddress):
        return _PipeConnection(address.path, timeout)
    return http.client.HTTPConnection(address.host, address.port, timeout=timeout)


class _PipeConnection(http.client.HTTPConnection):
    """HTTP over a Unix domain socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def end_leftover(command: EnvoyCommand, timeout: float = 10.0) -> bool:
    """End the Envoy that an earlier process started with the same configuration file; whether there was one.

    Only what answers at ``command.admin`` and names that very file is ended. Raises EnvoyError when it is still there
    after ``timeout`` seconds.
    """
    there = EnvoyProcess(command)
    try:
        started_with = json.loads(there.admin("/server_info"))["command_line_options"]["config_path"]
    except (EnvoyError, ValueError, LookupError, TypeError):
        return False
    if started_with != str(command.config):
        return False
    with suppress(EnvoyUnreachableError):  # it may be gone before it has answered
        there.request("POST", "/quitquitquit")
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            there.request("GET", "/ready", timeout=1.0)
        except EnvoyUnreachableError:
            return True
        time.sleep(POLL_SECONDS)
    raise EnvoyError(f"an Envoy of an earlier time at {command.admin} does not end")
