"""What VirtualServices are bound to: gateways that exist and serve their hosts, hosts that no other rule has."""

from __future__ import annotations

from collections.abc import Iterator

from galley.kinds.checks.findings import Findings, shown
from galley.kinds.checks.scalars import host_contains
from galley.kinds.networking.gateway import Gateway
from galley.kinds.networking.virtual_service import MESH_GATEWAY, VirtualService
from galley.meta import Resource, ResourceKey
from galley.references.known_hosts import KnownHosts, full_host, is_seen_together
from galley.snapshot import ConfigSnapshot
from galley.text.diagnostics import Diagnostic


def find_lost_gateways(config: ConfigSnapshot) -> Iterator[Diagnostic]:
    """Rules for gateways that are not there, or that serve none of their hosts."""
    for rule in config.of(VirtualService):
        findings = Findings(rule)
        for index, name in enumerate(rule.spec.gateways):
            if name != MESH_GATEWAY:
                _check_gateway(findings, f"spec.gateways[{index}]", name, rule, config)
        yield from findings.diagnostics


def gateway_key(name: str, namespace: str) -> ResourceKey:
    """The Gateway that a rule of ``namespace`` names: ``name``, ``namespace/name``, or ``name.namespace.svc…``."""
    place, slash, short = name.rpartition("/")
    if slash:
        return ResourceKey("Gateway", namespace if place == "." else place, short)
    parts = name.split(".")
    return ResourceKey("Gateway", parts[1] if len(parts) > 1 else namespace, parts[0])


def _check_gateway(
    findings: Findings, field: str, name: str, rule: Resource[VirtualService], config: ConfigSnapshot
) -> None:
    key = gateway_key(name, rule.namespace)
    gateway = config.get(key)
    if gateway is None:
        others = [f"{one.namespace}/{one.name}" for one in config.of(Gateway) if one.name == key.name]
        hint = f"there is {others[0]}" if others else ""
        findings.warn(field, "unknown-gateway", f"there is no Gateway {key.namespace}/{key.name} (IST0101)", hint)
        return
    spec: Gateway = gateway.spec
    served = [host for server in spec.servers for host in server.hosts]
    if not any(_serves(host, wanted, rule.namespace, key.namespace) for host in served for wanted in rule.spec.hosts):
        what = f"{shown(name)} serves none of the hosts of this rule (IST0132)"
        findings.warn(field, "host-not-in-gateway", what, f"its hosts are {', '.join(served[:5])}")


def _serves(served: str, wanted: str, rule_namespace: str, gateway_namespace: str) -> bool:
    place, _, host = served.rpartition("/")
    if place not in ("", "*") and rule_namespace != (gateway_namespace if place == "." else place):
        return False
    wanted = full_host(wanted, rule_namespace)
    return host_contains(host, wanted) or host_contains(wanted, host)


def find_duplicate_hosts(config: ConfigSnapshot, hosts: KnownHosts) -> Iterator[Diagnostic]:
    """Hosts in the mesh that several rules claim (the oldest has them), or that are no service's."""
    owners: dict[str, list[Resource[VirtualService]]] = {}
    defaults = config.mesh.default_virtual_service_export_to
    for rule in config.of(VirtualService):
        if rule.spec.gateways and MESH_GATEWAY not in rule.spec.gateways:
            continue
        findings = Findings(rule)
        for index, name in enumerate(rule.spec.hosts):
            field, host = f"spec.hosts[{index}]", full_host(name, rule.namespace)
            earlier = owners.setdefault(host, [])
            first = next((one for one in earlier if is_seen_together(one, rule, defaults)), None)
            if first is not None:
                what = f"{shown(name)} is ruled by {first.key} at {first.origin} already, so this rule has no effect"
                findings.warn(field, "duplicate-host", f"{what} (IST0109)", "put both rules into one VirtualService")
            elif not hosts.matches(host) and (hint := hosts.hint(name, rule.namespace)):
                findings.warn(field, "unknown-host", f"{shown(name)} is not the host of a service", hint)
            earlier.append(rule)
        yield from findings.diagnostics
