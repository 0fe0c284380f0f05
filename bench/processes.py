"""Processes that are measured: their CPU time and memory as the kernel counts them."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
QUIET_SECONDS = 0.2


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, all threads, user and system."""
    if not _PROC.is_dir():
        return _ps_seconds(pid)
    # The name before the last ")" may hold anything.
    numbers = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / _TICKS


def _ps_seconds(pid: int) -> float:
    """Where there is no /proc: minutes and seconds from ps."""
    text = subprocess.run(["ps", "-o", "time=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout
    seconds = 0.0
    for part in text.strip().replace("-", ":").split(":"):
        seconds = seconds * 60 + float(part)
    return seconds


def settled_cpu_seconds(pid: int) -> float:
    """CPU time once the process has stopped using more: work that is done after the last answer counts, too."""
    before = cpu_seconds(pid)
    for _ in range(50):
        time.sleep(QUIET_SECONDS)
        now = cpu_seconds(pid)
        if now - before <= 1 / _TICKS:
            return now
        before = now
    return before


def memory_mb(pid: int | str = "self", *, peak: bool = False) -> float:
    """Resident memory of a process now, or at its highest; 0 where the system does not tell."""
    status = _PROC / str(pid) / "status"
    if not status.exists():
        return 0.0
    name = "VmHWM:" if peak else "VmRSS:"
    line = next(line for line in status.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024
