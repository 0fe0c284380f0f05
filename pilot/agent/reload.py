"""Another binary for a running Envoy, by hot restart: on SIGHUP, or when the file was replaced."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pilot.dataplane.errors import EnvoyError
from pilot.dataplane.hot_restart import check_configuration, hot_restart_version
from pilot.dataplane.supervisor import EnvoySupervisor

log = logging.getLogger("pilot.agent")

_LOOK_EVERY = 2.0
_READY_SECONDS = 60.0


async def reload_forever(supervisor: EnvoySupervisor) -> None:
    """Follow the binary, and SIGHUP. What cannot take over leaves the Envoy that runs alone, and is told once."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
    binary = supervisor.process.command.binary
    version = await asyncio.to_thread(hot_restart_version, binary)
    seen = _mark(binary)
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(asked.wait(), _LOOK_EVERY)
        now = _mark(binary)
        if now is None or (now == seen and not asked.is_set()):
            continue
        asked.clear()
        seen = now
        try:
            version = await asyncio.to_thread(_reload, supervisor, version)
        except EnvoyError as error:
            log.error("the Envoy that runs goes on, another cannot take its place: %s", error)


def _reload(supervisor: EnvoySupervisor, version: str) -> str:
    """Start the successor; its hot restart version."""
    command = supervisor.process.command
    assert command.hot_restart is not None, "an Envoy that can be succeeded"
    check_configuration(command.binary, command.config)
    found = hot_restart_version(command.binary)
    if found != version:
        raise EnvoyError(
            f"hot restart versions differ ({version} and {found}); restart the agent to run {command.binary}"
        )
    log.info("another Envoy takes over, epoch %d", command.hot_restart.epoch + 1)
    supervisor.succeed(replace(command, hot_restart=command.hot_restart.successor()), _READY_SECONDS)
    log.info("it has taken over")
    return found


def _mark(binary: Path) -> tuple[int, int, int] | None:
    try:
        status = binary.stat()
    except OSError:
        return None  # it is being replaced
    return status.st_ino, status.st_mtime_ns, status.st_size
