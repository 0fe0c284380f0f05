"""The end of an Envoy's service: what is under way is finished, and no longer waited for than needed."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from contextlib import suppress

from galley.frozen import frozen
from pilot.dataplane.errors import EnvoyError
from pilot.dataplane.process import EnvoyProcess

log = logging.getLogger("pilot.agent")

_LOOK_EVERY = 0.2
_LISTENERS_STAT = re.compile(r"listener\.(?P<address>.+)\.downstream_cx_active")


@frozen
class DrainPolicy:
    """Seconds: an Envoy without connections ends after ``shortest``, in which peers learn that it leaves, any other
    after ``longest``. ``own_ports`` are those of its probes, whose connections do not count.
    """

    longest: float
    shortest: float
    own_ports: tuple[int, ...] = ()


async def drain(process: EnvoyProcess, stop: asyncio.Event, policy: DrainPolicy) -> None:
    """Let ``process`` finish its work; ``stop`` ends that at once. One that has died has nothing to drain."""
    log.info("draining, for at most %g s", policy.longest)
    clock = asyncio.get_running_loop().time
    began = clock()
    with suppress(EnvoyError):
        # Every answer says `connection: close` from now on, and readiness at once that this is the end.
        await asyncio.to_thread(process.fail_health_checks)
        await asyncio.to_thread(process.drain)
        while (passed := clock() - began) < policy.longest:
            if passed >= policy.shortest and not await asyncio.to_thread(active_connections, process, policy.own_ports):
                log.info("no connection is left after %.1f s", passed)
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(min(_LOOK_EVERY, policy.longest - passed)):
                    await stop.wait()
                return


def active_connections(process: EnvoyProcess, own_ports: tuple[int, ...]) -> int:
    """How many clients are connected to its listeners, its admin interface and ``own_ports`` left out. EnvoyError."""
    text = process.admin("/stats?format=json&filter=^listener\\..*downstream_cx_active$")
    try:
        stats = json.loads(text)["stats"]
        return sum(one["value"] for one in stats if _counts(one.get("name", ""), own_ports))
    except (ValueError, LookupError, TypeError) as error:
        raise EnvoyError(f"its statistics cannot be understood: {error}") from error


def _counts(name: str, own_ports: tuple[int, ...]) -> bool:
    found = _LISTENERS_STAT.fullmatch(name)
    if found is None or ".worker_" in name:
        return False
    address = found["address"]
    return address != "admin" and not any(address.endswith(f"_{port}") for port in own_ports)
