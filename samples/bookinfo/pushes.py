"""What `pilot serve` says while the demo runs, line by line as it is written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

POLL_SECONDS = 0.1


def follow_pushes(log_file: Path, check_alive: Callable[[], None]) -> Iterator[str]:
    """The lines that ``log_file`` gains from now on; ``check_alive`` is called in between, and may raise."""
    with log_file.open(errors="replace") as log:
        log.seek(0, 2)
        rest = ""
        while True:
            rest += log.read()
            *lines, rest = rest.split("\n")
            yield from lines
            if not lines:
                check_alive()
                time.sleep(POLL_SECONDS)
