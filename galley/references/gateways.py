"""Gateways that rules name and that are not there or do not serve them, and gateways that are in each other's way."""

from __future__ import annotations

from collections.abc import Iterator

from galley.hosts.names import MESH_GATEWAY, resolve_gateway
from galley.hosts.scoped import scope_host
from galley.hosts.wildcards import hosts_match
from galley.kinds.networking.gateway import Gateway, Server
from galley.kinds.networking.virtual_service import VirtualService
from galley.meta import Resource, ResourceKey, recorder_of
from galley.references.known_hosts import KnownHosts
from galley.snapshot import ConfigSnapshot
from galley.text.diagnostics import Diagnostic
from galley.text.recorder import Recorder
from galley.text.wording import quoted

_Opened = tuple[Resource[Gateway], Server]


def find_lost_gateways(config: ConfigSnapshot, hosts: KnownHosts) -> Iterator[Diagnostic]:
    """Rules for gateways that are not there, or that serve none of their hosts."""
    for rule in config.of(VirtualService):
        recorder = recorder_of(rule)
        wanted = tuple(hosts.full_name(host, rule) for host in rule.spec.hosts)
        for index, name in enumerate(rule.spec.gateways):
            if name != MESH_GATEWAY:
                _check_gateway(recorder, rule, index, wanted, config)
        yield from recorder.diagnostics


def _check_gateway(
    recorder: Recorder, rule: Resource[VirtualService], index: int, wanted: tuple[str, ...], config: ConfigSnapshot
) -> None:
    field, name = f"spec.gateways[{index}]", rule.spec.gateways[index]
    namespace, _, short = resolve_gateway(name, rule.namespace).partition("/")
    gateway: Resource[Gateway] | None = config.get(ResourceKey("Gateway", namespace, short))
    if gateway is None:
        others = [f"{one.namespace}/{one.name}" for one in config.of(Gateway) if one.name == short]
        hint = f"there is {others[0]}" if others else ""
        recorder.warn(field, "unknown-gateway", f"there is no Gateway {namespace}/{short} (IST0101)", hint)
        return
    served = [host for server in gateway.spec.servers for host in server.hosts]
    scoped = [scope_host(host, namespace) for host in served]
    allowed = [one.host for one in scoped if one.is_for(rule.namespace)]
    if not any(hosts_match(host, own) for host in allowed for own in wanted):
        what = f"{quoted(name)} serves none of the hosts of this rule (IST0132)"
        recorder.warn(field, "host-not-in-gateway", what, f"its hosts are {', '.join(served[:5])}")


def find_conflicting_gateways(config: ConfigSnapshot) -> Iterator[Diagnostic]:
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
