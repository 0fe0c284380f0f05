"""An Envoy that has outlived whoever started it: found by its admin interface, and ended."""

from __future__ import annotations

import json
import time
from contextlib import suppress

from pilot.dataplane.errors import EnvoyError, EnvoyUnreachableError
from pilot.dataplane.process import POLL_SECONDS, EnvoyCommand, EnvoyProcess


def end_leftover(command: EnvoyCommand, timeout: float = 10.0) -> bool:
    """End the Envoy that an earlier process started with the same configuration file; whether there was one.

    Only what answers at ``command.admin`` and names that very file is ended. Raises EnvoyError when it is still there
    after ``timeout`` seconds.
    """
    there = EnvoyProcess(command)
    try:
        started_with = json.loads(there.admin("/server_info"))["command_line_options"]["config_path"]
    except (EnvoyError, ValueError, LookupError, TypeError):
        return False
    if started_with != str(command.config):
        return False
    with suppress(EnvoyUnreachableError):  # it may be gone before it has answered
        there.request("POST", "/quitquitquit")
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        try:
            there.request("GET", "/ready", timeout=1.0)
        except EnvoyUnreachableError:
            return True
        time.sleep(POLL_SECONDS)
    raise EnvoyError(f"an Envoy of an earlier time at {command.admin} does not end")
