"""What falls to process 1 of a container: to take leave of processes whose own parents have gone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable


def reap_as_init(own: Callable[[], int | None]) -> None:
    """From now on reap orphans, if this process is the first of its namespace; ``own`` is the child whose end somebody
    else waits for."""
    if os.getpid() == 1:
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, lambda: reap_orphans(own()))


def reap_orphans(own: int | None) -> int:
    """Reap all children that have ended but ``own``; how many there were."""
    reaped = 0
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return reaped
        if ended is None or ended.si_pid == own:
            return reaped  # the rest has its turn with the next signal
        os.waitid(os.P_PID, ended.si_pid, os.WEXITED | os.WNOHANG)
        reaped += 1
