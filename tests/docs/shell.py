"""A reader's shell: in a fresh copy of the project, in a network of its own, typing block after block."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from tests.docs.blocks import Block

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.1

_UNSHARE = ("unshare", "--net", *(() if os.geteuid() == 0 else ("--map-root-user",)), "sh", "-c")
_LOOPBACK = "ip link set lo up"


class PromiseError(AssertionError):
    """A block did something else than its page says."""


def copy_project(to: Path) -> None:
    """What a fresh clone has: the files under version control, as they are now, and a ``.venv`` that is ready."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in listed.decode().split("\0"):
        source = ROOT / name
        if name and source.exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, to / name, follow_symlinks=False)
    (to / ".venv").symlink_to(sys.prefix)


def has_private_network() -> bool:
    """Whether this machine lets us have a network of our own, in which every port is free."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    return subprocess.run([*_UNSHARE, _LOOPBACK], check=False, capture_output=True).returncode == 0


class Shell:
    """A bash that keeps its state from block to block, as a terminal does.

    A context manager, which ends it and all that was started in it.
    """

    def __init__(self, directory: Path) -> None:
        self._log = Path(tempfile.mkdtemp(prefix="docs-")) / "stderr"
        environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        # What `make` prepares is there already.
        environment |= {"PREPARE": "true", "HOME": str(directory), "TERM": "dumb"}
        environment["PATH"] = f"{directory}/.venv/bin:{environment['PATH']}"
        self._process = subprocess.Popen(
            [*_UNSHARE, f"{_LOOPBACK} && exec bash --noprofile --norc"],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log.open("ab"),
            text=True,
            start_new_session=True,
        )
        self._number = 0

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=20)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._log.parent)

    def run(self, block: Block) -> None:
        """Type ``block`` and compare what comes out with what is promised. Raises PromiseError.

        A change needs a moment until traffic follows, so a block whose promise is not kept is typed again for a while.
        """
        if block.until:
            self._start(block)
            return
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            status, output = self._type(block.text)
            if status == 0 and block.is_kept(output):
                return
            if status < 0 or not block.promised or time.monotonic() > deadline:
                raise PromiseError(self._account(block, f"status {status}, and this output:\n{output}"))
            time.sleep(POLL_SECONDS)

    def _type(self, text: str) -> tuple[int, str]:
        """Status and standard output of a command."""
        self._number += 1
        mark = f"--- done {self._number}:"
        keyboard, screen = self._ends()
        keyboard.write(f"{text}\nprintf '\\n%s %d\\n' '{mark}' $?\n")
        keyboard.flush()
        lines: list[str] = []
        # A command that does not end would keep us here, and so would what it left running, which has the screen, too.
        alarm = threading.Timer(2 * PATIENCE_SECONDS, os.killpg, (self._process.pid, signal.SIGKILL))
        alarm.start()
        try:
            for line in screen:
                if line.startswith(mark):
                    return int(line.removeprefix(mark)), "".join(lines)
                lines.append(line)
        finally:
            alarm.cancel()
        return -1, "".join(lines)

    def _start(self, block: Block) -> None:
        output = self._log.with_name(f"background-{block.line}")
        self._type(f"({block.text.strip()}) >'{output}' 2>&1 </dev/null &")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while block.until not in (said := output.read_text() if output.exists() else ""):
            if time.monotonic() > deadline:
                raise PromiseError(self._account(block, f"{block.until!r} did not come out, but this:\n{said}"))
            time.sleep(POLL_SECONDS)

    def _ends(self) -> tuple[IO[str], IO[str]]:
        if self._process.stdin is None or self._process.stdout is None:
            raise PromiseError("the shell has no keyboard or no screen")
        return self._process.stdin, self._process.stdout

    def _account(self, block: Block, seen: str) -> str:
        promised = "\n".join(block.promised)
        errors = "\n".join(self._log.read_text(errors="replace").splitlines()[-25:])
        return f"line {block.line}:\n{block.text}\npromised:\n{promised}\ngave {seen}\nstandard error:\n{errors}"
