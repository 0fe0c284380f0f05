"""Keeps an Envoy running: one that dies is started again, after a growing pause."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pilot.dataplane.errors import EnvoyError
from pilot.dataplane.process import EnvoyProcess

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
        self._thread = threading.Thread(target=self._watch, name=f"watch {process.command.config.name}", daemon=True)

    def start(self) -> None:
        """Start the process, and watch it from now on. Raises EnvoyError when it cannot be executed at all."""
        self.process.start()
        self._thread.start()

    def stop(self, grace: float = 5.0) -> None:
        """Stop watching, then the process (see `EnvoyProcess.stop`). It is not started again."""
        self._stopping.set()
        self.process.stop(grace)
        if self._thread.is_alive():
            self._thread.join()
        self.process.stop(grace)  # one that the thread had just started again

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

    def _run_to_the_end(self) -> str:
        """Wait until the process has ended, starting it if it does not run. Why it ended."""
        try:
            if not self.process.is_alive() and self.restarts:
                self.process.start()
        except EnvoyError as error:
            return str(error)
        status = self.process.wait()
        return f"it ended with status {status}; its last log lines:\n{self.process.log_tail()}"


def backoff(quick_deaths: int) -> float:
    """Seconds to wait before the next start, after so many quick deaths in a row: doubling, within bounds."""
    return min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(quick_deaths, 16))
