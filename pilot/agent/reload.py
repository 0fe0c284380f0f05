"""Another Envoy in place of a running one, by hot restart: when its binary or the override of its bootstrap changed."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pilot.agent.envoy_command import read_override
from pilot.dataplane.errors import EnvoyError
from pilot.dataplane.hot_restart import check_configuration, hot_restart_version
from pilot.dataplane.supervisor import EnvoySupervisor

log = logging.getLogger("pilot.agent")

_LOOK_EVERY = 2.0
_SETTLE_SECONDS = 0.2
_READY_SECONDS = 60.0


async def reload_forever(supervisor: EnvoySupervisor, override: Path | None) -> None:
    """Follow the binary, ``override`` and SIGHUP. What cannot take over leaves the Envoy that runs alone, and is told
    once.
    """
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
    binary = supervisor.process.command.binary
    version = await asyncio.to_thread(hot_restart_version, binary)
    files = [binary] if override is None else [binary, override]
    seen = list(map(_mark, files))
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_EVERY):  # wait_for of Python 3.11 may lose a cancellation
                await asked.wait()
        now = list(map(_mark, files))
        if None in now or (now == seen and not asked.is_set()):
            continue
        await asyncio.sleep(_SETTLE_SECONDS)
        if list(map(_mark, files)) != now:
            continue  # it is still being written
        asked.clear()
        seen = now
        try:
            version = await asyncio.to_thread(_reload, supervisor, version, override)
        except EnvoyError as error:
            log.error("the Envoy that runs goes on, another cannot take its place: %s", error)


def _reload(supervisor: EnvoySupervisor, version: str, override: Path | None) -> str:
    """Start the successor; its hot restart version."""
    command = replace(supervisor.process.command, override=read_override(override))
    assert command.hot_restart is not None, "an Envoy that can be succeeded"
    check_configuration(command.binary, command.config, command.override)
    found = hot_restart_version(command.binary)
    if found != version:
        raise EnvoyError(
            f"hot restart versions differ ({version} and {found}); restart the agent to run {command.binary}"
        )
    log.info("another Envoy takes over, epoch %d", command.hot_restart.epoch + 1)
    supervisor.succeed(replace(command, hot_restart=command.hot_restart.successor()), _READY_SECONDS)
    log.info("it has taken over")
    return found


def _mark(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None  # it is being replaced
    return status.st_ino, status.st_mtime_ns, status.st_size
