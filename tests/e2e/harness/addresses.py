"""Loopback addresses and ports that no other test process on this machine uses, however many run at once."""

from __future__ import annotations

import fcntl
import itertools
import os
import socket
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TextIO

from pilot.node.ports import ENVOY_ADMIN_PORT

SLOTS = 20
FIRST_PORT = 11_000
PORTS_PER_SLOT = 1_000
FIRST_OCTET_OF_SLOTS = 16
"""Where every Envoy of a test has its admin interface."""


class Addresses:
    """Hands out 127.S.x.y, and ports of a range, where slot S belongs to this process until it ends.

    All of 127/8 is local on Linux, so every workload of a test has an address, and with it every port, of its own.
    Ports stay below the ephemeral range, from which the kernel takes source ports at any time.
    """

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self._hosts = itertools.count(1)
        first = FIRST_PORT + slot * PORTS_PER_SLOT
        self._ports = itertools.cycle(range(first, first + PORTS_PER_SLOT))

    def host(self) -> str:
        """An address that was never given before, and where no Envoy of a test run that was killed lives on."""
        if sys.platform != "linux":
            return "127.0.0.1"
        candidates = (f"127.{FIRST_OCTET_OF_SLOTS + self.slot}.{n // 250}.{n % 250 + 1}" for n in self._hosts)
        return next(host for host in candidates if is_free(ENVOY_ADMIN_PORT, host))

    def port(self) -> int:
        """A port that is free on all addresses, and will not be given again soon."""
        for port in itertools.islice(self._ports, PORTS_PER_SLOT):
            if is_free(port):
                return port
        raise RuntimeError(f"all {PORTS_PER_SLOT} ports of slot {self.slot} are taken")


def is_free(port: int, host: str = "0.0.0.0") -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


@cache
def own_addresses() -> Addresses:
    """The addresses of this process. Its slot is a file lock, which ends with the process."""
    directory = Path(tempfile.gettempdir(), f"pilothouse-test-slots-{os.getuid()}")
    directory.mkdir(exist_ok=True)
    for slot in range(SLOTS):
        lock = (directory / str(slot)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        _HELD.append(lock)
        return Addresses(slot)
    raise RuntimeError(f"more than {SLOTS} test processes run on this machine; see the locks in {directory}")


_HELD: list[TextIO] = []
