"""The agent as a process of its host: its word to a service manager, and what falls to process 1 of a container.

The word is systemd's protocol (sd_notify(3)), one datagram each. Process 1 takes leave of processes whose own parents
have gone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress

READY = "READY=1"
STOPPING = "STOPPING=1"


def notify(state: str, environment: Mapping[str, str] = os.environ) -> None:
    """Send ``state`` to the socket of $NOTIFY_SOCKET. Nothing without one, nor when it cannot be reached."""
    address = environment.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
        sending.connect(address)
        sending.send(state.encode())


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
