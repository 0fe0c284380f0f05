"""Envoy's hot restart: another process takes over the listeners while the one before it finishes what is under way."""

from __future__ import annotations

import secrets
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from pilot.dataplane.errors import EnvoyError

SHARED_MEMORY = Path("/dev/shm")
_CHECK_SECONDS = 60.0
_SCALE = 10
"""Envoy multiplies a base id by this, for the epochs share it."""


@dataclass(frozen=True)
class HotRestart:
    """Who can be whose successor: those of one ``base_id``, one ``epoch`` after the other. ``drain`` and ``shutdown``
    are the seconds in which the one before asks its clients to leave, and after which it ends.
    """

    base_id: int
    epoch: int = 0
    drain: int = 5
    shutdown: int = 8

    def arguments(self) -> tuple[str, ...]:
        """As Envoy is told."""
        return (
            *("--base-id", str(self.base_id), "--restart-epoch", str(self.epoch)),
            *("--drain-time-s", str(self.drain), "--parent-shutdown-time-s", str(self.shutdown)),
        )

    def successor(self) -> HotRestart:
        """The next epoch."""
        return replace(self, epoch=self.epoch + 1)

    def afresh(self) -> HotRestart:
        """One that succeeds nobody: after a crash the memory of the base id cannot be relied on."""
        return replace(self, base_id=free_base_id(), epoch=0)


def free_base_id() -> int:
    """A base id that no Envoy on this host has memory of."""
    while True:
        base_id = 1 + secrets.randbelow(2**24)
        if not _memory_of(base_id):
            return base_id


def remove_shared_memory(base_id: int) -> None:
    """Take away what Envoys of ``base_id``, which have ended, have left behind."""
    for path in _memory_of(base_id):
        path.unlink(missing_ok=True)


def hot_restart_version(binary: Path) -> str:
    """What must be equal between two Envoys for one to succeed the other. EnvoyError when the binary does not run."""
    return _run(binary, "--hot-restart-version")


def check_configuration(binary: Path, config: Path, override: str = "") -> None:
    """EnvoyError, with Envoy's words, when ``binary`` would not start with ``config``, ``override`` merged over it."""
    _run(binary, "--mode", "validate", "-c", str(config), *(("--config-yaml", override) if override else ()))


def _memory_of(base_id: int) -> list[Path]:
    names = [f"envoy_shared_memory_{number}" for number in (base_id, base_id * _SCALE)]
    return [path for name in names if (path := SHARED_MEMORY / name).exists()]


def _run(binary: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [str(binary), *arguments], check=False, capture_output=True, text=True, timeout=_CHECK_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvoyError(f"cannot execute {binary}: {error}") from error
    if done.returncode:
        raise EnvoyError(f"{binary} {' '.join(arguments[:2])}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout.strip()
