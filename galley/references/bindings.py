"""What VirtualServices are bound to: gateways that exist and serve their hosts, hosts that no other rule has."""

from __future__ import annotations

from collections.abc import Iterator

from galley.hosts.names import MESH_GATEWAY, resolve_gateway
from galley.hosts.scoped import scope_host
from galley.hosts.wildcards import hosts_match
from galley.kinds.networking.gateway import Gateway
from galley.kinds.networking.virtual_service import VirtualService
from galley.meta import Resource, ResourceKey, recorder_of
from galley.references.known_hosts import KnownHosts, are_seen_together
from galley.snapshot import ConfigSnapshot
from galley.text.diagnostics import Diagnostic
from galley.text.recorder import Recorder
from galley.text.wording import quoted


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


def find_duplicate_hosts(config: ConfigSnapshot, hosts: KnownHosts) -> Iterator[Diagnostic]:
    """Hosts in the mesh that several rules claim (the oldest has them), or that are no service's."""
    owners: dict[str, list[Resource[VirtualService]]] = {}
    defaults = config.mesh.default_virtual_service_export_to
    for rule in config.of(VirtualService):
        if rule.spec.gateways and MESH_GATEWAY not in rule.spec.gateways:
            continue
        recorder = recorder_of(rule)
        for index, name in enumerate(rule.spec.hosts):
            field, host = f"spec.hosts[{index}]", hosts.full_name(name, rule)
            earlier = owners.setdefault(host, [])
            first = next((one for one in earlier if are_seen_together(one, rule, defaults)), None)
            if first is not None:
                what = f"{quoted(name)} is ruled by {first.key} at {first.origin} already, so this rule has no effect"
                recorder.warn(field, "duplicate-host", f"{what} (IST0109)", "put both rules into one VirtualService")
            elif not hosts.matches(host) and (hint := hosts.hint(name, rule.namespace)):
                recorder.warn(field, "unknown-host", f"{quoted(name)} is not the host of a service", hint)
            earlier.append(rule)
        yield from recorder.diagnostics
