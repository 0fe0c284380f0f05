"""What `pilot serve` says while the demo runs: one line for each push, and every complaint."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

POLL_SECONDS = 0.1

_LOGGED = re.compile(r"\d{4}-\d\d-\d\dT(?P<time>\d\d:\d\d:\d\d)\S* (?P<level>[A-Z]+) (?P<message>.*)")


def follow_pushes(log_file: Path, rules: Path, check_alive: Callable[[], None]) -> Iterator[str]:
    """The lines that ``log_file`` gains from now on, made short (see `shorten`).

    ``check_alive`` is called in between, and may raise.
    """
    return shorten(_new_lines(log_file, check_alive), rules)


def _new_lines(log_file: Path, check_alive: Callable[[], None]) -> Iterator[str]:
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


def shorten(lines: Iterable[str], rules: Path) -> Iterator[str]:
    """Log lines as a person wants to see them: time of day, a mark for complaints, files by their name in ``rules``.

    What was read is said together with the push that follows it.
    """
    read = ""
    for line in lines:
        found = _LOGGED.fullmatch(line)
        if found is None:
            if line.strip():
                yield f"         {line}"
            continue
        message = found["message"].replace(f"{rules}/", "")
        if message.startswith("configuration ") and "held back" not in message:
            read = message.partition(": ")[2]
            continue
        if message.startswith("push to ") and read:
            message, read = f"{message} ({read})", ""
        mark = "✗ " if found["level"] in {"ERROR", "CRITICAL"} else "! " if found["level"] == "WARNING" else ""
        yield f"{found['time']} {mark}{message}"
