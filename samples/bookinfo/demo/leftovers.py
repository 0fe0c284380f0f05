"""Processes of a demo that ended without ending them, as with `kill -9`: found by their command lines, and ended.

Applications end by themselves when their starter is gone. Envoys and the control plane do not; so a watcher is started
beside them (``python -m samples.bookinfo.demo.leftovers HOME``), and the next demo looks once more.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from samples.bookinfo.demo.locks import AlreadyRunningError, locked

GRACE_SECONDS = 3.0
POLL_SECONDS = 0.02
PROCESSES = Path("/proc")


def is_of_demo(command: Sequence[str], home: Path) -> bool:
    """Whether ``command``, a command line, is one of the demo whose files are in ``home``: its control plane, or an
    Envoy with a bootstrap that lies there. Nothing else names these files in these places.
    """
    line = " ".join(command)
    return f" -m pilot serve --config {home}/rules --state {home}/state " in line or (
        f" -c {home}/envoy/" in line and " --disable-hot-restart " in line
    )


def find_leftovers(home: Path) -> list[int]:
    """The process ids of the demo of ``home``, an absolute path. Zombies are none."""
    return [pid for pid, command in _commands() if pid != os.getpid() and is_of_demo(command, home)]


def end_leftovers(home: Path, grace: float = GRACE_SECONDS) -> int:
    """End what `find_leftovers` finds: SIGTERM, and SIGKILL after ``grace`` seconds. How many there were.

    Raises PermissionError for processes of another user.
    """
    found = find_leftovers(home)
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, grace)):
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while (left := set(find_leftovers(home)) & set(found)) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if not left:
            break
        found = sorted(left)
    return len(found)


def _commands() -> Iterator[tuple[int, list[str]]]:
    if not PROCESSES.joinpath("self").exists():
        yield from _commands_by_ps()
        return
    for entry in PROCESSES.glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            yield int(entry.parent.name), entry.read_bytes().decode(errors="replace").rstrip("\0").split("\0")


def _commands_by_ps() -> Iterator[tuple[int, list[str]]]:
    """The same where there is no /proc."""
    done = subprocess.run(["ps", "-axww", "-o", "pid=,args="], check=False, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        yield int(pid), [command]


def main() -> None:
    """Wait until standard input closes, which happens when the demo ends, however it ends; then end what it left."""
    home = Path(sys.argv[1])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    # A demo that has started there meanwhile has looked itself, and its processes are not left over.
    with suppress(AlreadyRunningError), locked(home / "lock", otherwise="another demo has begun"):
        end_leftovers(home)


if __name__ == "__main__":
    main()
