"""Which rule routes which service on which port: sidecars merge nothing, the first rule owns a host."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from galley.hosts.wildcards import index_hosts, is_wildcard
from pilot.mesh.context.visibility import EgressServices
from pilot.mesh.rules.model import TrafficRule
from pilot.registry.catalog import Protocol, Service, ServiceResolution

BARE_HOST_PORT = 80
"""A host of a rule that no service has is served on this port only, as in Istio."""


@dataclass(slots=True)
class RuleBinding:
    """What one rule claims on one port: services, and hosts that no service has."""

    rule: TrafficRule
    services: list[Service] = field(default_factory=list)
    bare_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PortBindings:
    """Claims by port, in candidate order, and the HTTP or sniffed services of each port, older first.

    ``sniffed`` holds the ports on which some service's protocol is found out by sniffing.
    """

    claims: dict[int, list[RuleBinding]]
    services: dict[int, list[Service]]
    sniffed: frozenset[int]


def bind_rules(imported: EgressServices) -> PortBindings:
    """Match the hosts of the imported rules with the imported services.

    Pure, so that ``memo(bind_rules, imported)`` is worked out again only when services or rules changed. A wildcard
    host applies to the services within it that no other rule names more closely.
    """
    rules = [rule for rule in imported.rules if rule.http]
    by_name = {service.hostname: service for service in imported.services}
    by_host = _services_by_rule_host({host for rule in rules for host in rule.hosts}, by_name)
    claims: dict[int, list[RuleBinding]] = {}
    for rule in rules:
        for port, binding in _claims_of(rule, by_host).items():
            claims.setdefault(port, []).append(binding)
    sniffed = frozenset(p.number for one in by_name.values() for p in one.ports if p.protocol is Protocol.AUTO)
    return PortBindings(claims=claims, services=services_by_http_port(imported.services), sniffed=sniffed)


def services_by_http_port(services: Iterable[Service]) -> dict[int, list[Service]]:
    """Services by the numbers of those of their ports whose requests are routed.

    An ExternalName is a domain of the service that it stands for, and has no virtual host of its own.
    """
    by_port: dict[int, list[Service]] = {}
    for service in services:
        if service.resolution is ServiceResolution.ALIAS:
            continue
        for port in service.ports:
            if port.protocol.is_http or port.protocol is Protocol.AUTO:
                by_port.setdefault(port.number, []).append(service)
    return by_port


def _services_by_rule_host(hosts: set[str], by_name: dict[str, Service]) -> dict[str, list[Service]]:
    """The services that each host of some rule applies to; hosts that no service has at all are absent."""
    by_host: dict[str, list[Service]] = {host: [by_name[host]] for host in hosts if host in by_name}
    index = index_hosts(hosts)
    for service in by_name.values() if any(map(is_wildcard, hosts)) else ():
        naming = tuple(index.containing(service.hostname))
        for host in naming:
            by_host.setdefault(host, [])
        if naming and naming[0] != service.hostname:
            by_host[naming[0]].append(service)
    return by_host


def _claims_of(rule: TrafficRule, by_host: dict[str, list[Service]]) -> dict[int, RuleBinding]:
    claims: dict[int, RuleBinding] = {}
    services = dict.fromkeys(service for host in rule.hosts for service in by_host.get(host, ()))
    for port, members in services_by_http_port(services).items():
        claims[port] = RuleBinding(rule=rule, services=members)
    bare = tuple(host for host in rule.hosts if host not in by_host)
    if bare:
        for port in claims or (BARE_HOST_PORT,):
            claims.setdefault(port, RuleBinding(rule=rule)).bare_hosts = bare
    return claims
