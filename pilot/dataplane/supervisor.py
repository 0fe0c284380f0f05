"""Keeps an Envoy running: one that dies is started again, after a growing pause."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from pilot.dataplane.errors import EnvoyError
from pilot.dataplane.hot_restart import remove_shared_memory
from pilot.dataplane.process import EnvoyCommand, EnvoyProcess

FIRST_BACKOFF_SECONDS = 0.25
LONGEST_BACKOFF_SECONDS = 10.0
STEADY_SECONDS = 30.0
"""An Envoy that ran for this long was sound: its next death starts from the first back-off again."""


class EnvoySupervisor:
    """One Envoy that is meant to run until `stop`."""

    def __init__(self, process: EnvoyProcess, on_death: Callable[[str, float], None] | None = None) -> None:
        """``on_death`` is told why and the pause in seconds, from the supervisor's thread."""
        self.process = process
        self.restarts = 0
        self._on_death = on_death
        self._stopping = threading.Event()
        self._predecessors: list[EnvoyProcess] = []
        self._thread = threading.Thread(target=self._watch, name=f"watch {process.command.config.name}", daemon=True)

    def start(self) -> None:
        """Start the process, and watch it from now on. Raises EnvoyError when it cannot be executed at all."""
        self.process.start()
        self._thread.start()

    def succeed(self, command: EnvoyCommand, timeout: float) -> None:
        """Have ``command``, whose hot restart is the successor of that which runs, take over, and watch it from now on.

        EnvoyError when it is not ready within ``timeout`` seconds or dies: then that which runs goes on. Those that ran
        before it are awaited first: cut off in the middle of their drain, they would fail what they still serve.
        """
        for one in self._predecessors:
            one.wait(timeout)
        successor = EnvoyProcess(command)
        successor.start()
        try:
            successor.wait_ready(timeout)
        except EnvoyError:
            successor.kill()
            raise
        self._predecessors = [one for one in (*self._predecessors, self.process) if one.is_alive()]
        self.process = successor

    def stop(self, grace: float = 5.0) -> None:
        """Stop watching, then the process (see `EnvoyProcess.stop`). It is not started again."""
        self._stopping.set()
        self.process.stop(grace)
        if self._thread.is_alive():
            self._thread.join()
        for process in (self.process, *self._predecessors):  # one that the thread had just started again, too
            process.stop(grace)

    def _watch(self) -> None:
        quick_deaths = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            reason = self._run_to_the_end()
            if self._stopping.is_set():
                return
            if time.monotonic() - started > STEADY_SECONDS:
                quick_deaths = 0
            pause = backoff(quick_deaths)
            quick_deaths += 1
            if self._on_death is not None:
                self._on_death(reason, pause)
            if self._stopping.wait(pause):
                return
            self.restarts += 1
            self.process = self._afresh()

    def _run_to_the_end(self) -> str:
        """Wait until the process has ended, starting it if it does not run. Why it ended."""
        try:
            if not self.process.is_alive() and self.restarts:
                self.process.start()
        except EnvoyError as error:
            return str(error)
        while True:
            process = self.process
            status = process.wait()
            if process is self.process:
                break  # otherwise it has ended because another took over
        return f"it ended with status {status}; its last log lines:\n{process.log_tail()}"

    def _afresh(self) -> EnvoyProcess:
        command = self.process.command
        if command.hot_restart is None:
            return self.process
        remove_shared_memory(command.hot_restart.base_id)
        return EnvoyProcess(replace(command, hot_restart=command.hot_restart.afresh()))


def backoff(quick_deaths: int) -> float:
    """Seconds to wait before the next start, after so many quick deaths in a row: doubling, within bounds."""
    return min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(quick_deaths, 16))
