"""A bound on how long a piece of work may keep a processor busy: a file that is judged for ever must not hold up all
others."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

_LOOK_EVERY = 0.1


class OverBudgetError(Exception):
    """The work took longer than it may."""


def within(seconds: float, work: Callable[[], T]) -> T:
    """The result of ``work``, which may take so many seconds of this thread's CPU. Raises OverBudgetError.

    It is stopped between two steps of the interpreter, so ``work`` must leave nothing half done that outlives it.
    """
    watch = _Watch(threading.get_ident(), seconds)
    watch.start()
    try:
        try:
            return work()
        finally:
            watch.stop()
            # What was raised in this thread just before the stop arrives between two of these steps.
            for _ in range(100):
                pass
    finally:
        with suppress(OverBudgetError):
            for _ in range(100):
                pass


def _clock_of(ident: int) -> Callable[[], float]:
    """The seconds of CPU that a thread has used; those that have passed, on systems that do not tell."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.monotonic
    clock = time.pthread_getcpuclockid(ident)
    return lambda: time.clock_gettime(clock)


class _Watch(threading.Thread):
    """Raises OverBudgetError in another thread when that has used its time."""

    def __init__(self, ident: int, seconds: float) -> None:
        super().__init__(name="time budget", daemon=True)
        self._watched = ident
        self._now = _clock_of(ident)
        self._end = self._now() + seconds
        self._lock = threading.Lock()
        self._over = threading.Event()

    def stop(self) -> None:
        """The work is done; after this nothing is raised any more."""
        with self._lock:
            self._over.set()

    def run(self) -> None:
        while not self._over.wait(_LOOK_EVERY):
            with self._lock:
                if self._over.is_set():
                    return
                if self._now() >= self._end:
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(
                        ctypes.c_ulong(self._watched), ctypes.py_object(OverBudgetError)
                    )
                    return
