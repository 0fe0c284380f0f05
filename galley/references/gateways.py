"""Gateways that open one port for one host twice on the same proxies."""

from __future__ import annotations

from collections.abc import Iterator

from galley.kinds.networking.gateway import Gateway, Server
from galley.meta import Resource, recorder_of
from galley.snapshot import ConfigSnapshot
from galley.text.diagnostics import Diagnostic
from galley.text.wording import quoted

_Opened = tuple[Resource[Gateway], Server]


def find_conflicts(config: ConfigSnapshot) -> Iterator[Diagnostic]:
    """Of two servers of different Gateways with one port and host the older counts (IST0145)."""
    opened: dict[tuple[int, str, str], list[_Opened]] = {}
    for gateway in config.of(Gateway):
        recorder = recorder_of(gateway)
        for index, server in enumerate(gateway.spec.servers):
            if server.port is None:
                continue
            for number, host in enumerate(server.hosts):
                earlier = opened.setdefault((server.port.number, server.bind, host), [])
                conflict = next((one for one, _ in earlier if _share_proxies(one, gateway)), None)
                if conflict is not None:
                    what = f"{quoted(host)} on port {server.port.number} is served by {conflict.key} already (IST0145)"
                    field = f"spec.servers[{index}].hosts[{number}]"
                    recorder.warn(field, "conflicting-gateways", what, f"see {conflict.origin}")
                earlier.append((gateway, server))
        yield from recorder.diagnostics


def _share_proxies(one: Resource[Gateway], other: Resource[Gateway]) -> bool:
    """Whether every proxy that one of two different Gateways selects is selected by the other as well."""
    if one is other:
        return False
    mine, theirs = one.spec.selector, other.spec.selector
    return mine.selects(theirs) or theirs.selects(mine)
