"""Route configurations of sidecars: one per HTTP port, one per sniffed service with an address of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from galley.hosts.names import MESH_GATEWAY
from galley.meta import NO_LABELS
from pilot.ir.route import HashPolicyPlan, RouteConfigPlan, RoutePlan, VirtualHostPlan
from pilot.memo import Memo
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import OutboundScope
from pilot.mesh.context.visibility import EgressServices, VisibleServices
from pilot.mesh.naming import HTTP_PROXY_ROUTE, virtual_host_name
from pilot.mesh.outbound.bind_addresses import has_own_address, has_shared_address
from pilot.mesh.outbound.egress import Egress, egress_listeners
from pilot.mesh.outbound.virtual_hosts import (
    HostNaming,
    assemble_route_config,
    catch_all_host,
    plan_bare_host,
    plan_service_host,
    plan_sniffed_host,
)
from pilot.mesh.rules.destination_rules import DestinationRuleInEffect
from pilot.mesh.rules.destinations import Destinations, known_destinations
from pilot.mesh.rules.hashing import HashingByHost, hashing_by_host, hashing_of
from pilot.mesh.rules.http_matches import RouteSite
from pilot.mesh.rules.http_routes import HttpRouting, plan_http_routes, plan_service_route
from pilot.mesh.rules.model import TrafficRule
from pilot.mesh.rules.rule_bindings import PortBindings, bind_rules
from pilot.registry.catalog import Protocol, Service, ServiceResolution


def plan_routes(context: PushContext, scope: OutboundScope, memo: Memo) -> tuple[RouteConfigPlan, ...]:
    """All route configurations that the outbound listeners of a sidecar may ask for, by name.

    A port belongs to the first egress listener that has it, else to the catch-all one.
    """
    planner = _Planner(context=context, scope=scope, memo=memo)
    planned: dict[str, RouteConfigPlan] = {}
    for egress in egress_listeners(context, scope):
        configs = planner.configs_of_all_ports(egress) if egress.port is None else planner.configs_of_port(egress)
        for config in configs:
            planned.setdefault(config.name, config)
    return tuple(planned[name] for name in sorted(planned))


class _Routed(NamedTuple):
    """Who is reached on one port, and by which routes; ``routes`` None is the default route of a service."""

    host: str
    service: Service | None
    routes: tuple[RoutePlan, ...] | None


@dataclass(frozen=True)
class _Planner:
    context: PushContext
    scope: OutboundScope
    memo: Memo
    routings: dict[tuple[int, bool, Destinations, HashingByHost], HttpRouting] = field(default_factory=dict)

    @cached_property
    def visible(self) -> VisibleServices:
        """The services that the scope sees, looked up once: they are asked for every rule."""
        return self.context.visible_services(self.scope)

    def configs_of_all_ports(self, egress: Egress) -> Iterator[RouteConfigPlan]:
        """Of the catch-all egress listener: every port, each sniffed service with an address, the forward proxy."""
        bindings = self.memo(bind_rules, egress.imported)
        for port in sorted(bindings.services.keys() | bindings.claims.keys()):
            routed = tuple(self._route(port, bindings))
            shared = port not in bindings.sniffed
            for entry in () if shared else routed:
                own_route, shared_route = self._listeners_of(entry.service, port, egress)
                shared = shared or shared_route
                if own_route:
                    yield self._sniffed_config(entry, port)
            if shared:
                yield self._config(str(port), egress, ((port, routed),))
        if self.scope.http_proxy:
            yield self._proxy_config(HTTP_PROXY_ROUTE, egress)

    def configs_of_port(self, egress: Egress) -> Iterator[RouteConfigPlan]:
        """Of an egress listener with a port: its services on that port, or for a forward proxy on all ports."""
        assert egress.port is not None
        if egress.is_http_proxy or egress.is_unix:
            yield self._proxy_config(egress.route_name, egress)
        elif egress.port.protocol.is_http or egress.port.protocol is Protocol.AUTO:
            bindings = self.memo(bind_rules, egress.imported)
            routed = tuple(self._route(egress.port.number, bindings))
            yield self._config(egress.route_name, egress, ((egress.port.number, routed),))

    def _proxy_config(self, name: str, egress: Egress) -> RouteConfigPlan:
        """All ports in one: what tells them apart is the port in the authority."""
        bindings = self.memo(bind_rules, egress.imported)
        ports = sorted(bindings.services.keys() | bindings.claims.keys())
        by_port = tuple((port, tuple(self._route(port, bindings))) for port in ports)
        return self._config(name, egress, by_port, ports_in_domains=True)

    def _listeners_of(self, service: Service | None, number: int, egress: Egress) -> tuple[bool, bool]:
        """Whether requests of a service arrive at a listener of its own, and whether at the port's shared one."""
        port = service.port_numbered(number) if service is not None else None
        if service is None or port is None or port.protocol is not Protocol.AUTO or egress.bind_to_port:
            return False, True
        return has_own_address(service), has_shared_address(service)

    def _route(self, port: int, bindings: PortBindings) -> Iterator[_Routed]:
        """Routes on one port in the order in which they claim domains: rules first, then services without one."""
        claimed: set[str] = set()
        for binding in bindings.claims.get(port, ()):
            routes = self._rule_routes(binding.rule, port)
            if not routes:  # static conditions left nothing: the next rule, or the default route, takes over
                continue
            for host in binding.bare_hosts:
                yield _Routed(host, None, routes)
            for service in binding.services:
                if service.hostname not in claimed:
                    claimed.add(service.hostname)
                    yield _Routed(service.hostname, service, routes)
        for service in bindings.services.get(port, ()):
            if service.hostname not in claimed:
                yield _Routed(service.hostname, service, None)

    def _rule_routes(self, rule: TrafficRule, port: int) -> tuple[RoutePlan, ...]:
        destinations = known_destinations(rule.destinations, self.visible.named, single_port=False)
        asks = rule.asks_about_source
        hashing = hashing_by_host(rule.destinations, self.visible.named, self._destination_rule)
        key = (port, asks, destinations, hashing)
        routing = self.routings.get(key)
        if routing is None:
            site = RouteSite(
                gateway=MESH_GATEWAY,
                port=port,
                labels=self.scope.labels if asks else NO_LABELS,
                namespace=self.scope.namespace if asks else "",
            )
            default_retry = self.context.mesh.default_http_retry_policy
            routing = HttpRouting(site, default_retry, destinations, hashing)
            self.routings[key] = routing
        return self.memo(plan_http_routes, rule, routing)

    def _destination_rule(self, service: Service) -> DestinationRuleInEffect | None:
        return self.context.destination_rule(self.scope, service)

    def _routes_of(self, entry: _Routed, port: int) -> tuple[RoutePlan, ...]:
        """Those of its rule, else the default route of its service."""
        if entry.routes is not None:
            return entry.routes
        assert entry.service is not None
        default_retry = self.context.mesh.default_http_retry_policy
        hashed = self._hash_policy(entry.service, port)
        return (self.memo(plan_service_route, entry.host, port, default_retry, hashed),)

    def _hash_policy(self, service: Service, port: int) -> HashPolicyPlan | None:
        return self.memo(hashing_of, self._destination_rule(service)).policy(port)

    def _sniffed_config(self, entry: _Routed, port: int) -> RouteConfigPlan:
        assert entry.service is not None
        routes = self._routes_of(entry, port)
        host = self.memo(plan_sniffed_host, entry.service, port, routes)
        return self.memo(assemble_route_config, virtual_host_name(entry.host, port), (host,), None, True)

    def _config(
        self,
        name: str,
        egress: Egress,
        by_port: tuple[tuple[int, tuple[_Routed, ...]], ...],
        ports_in_domains: bool = False,
    ) -> RouteConfigPlan:
        naming = HostNaming(dns_domain=self.scope.dns_domain, ports_in_domains=ports_in_domains)
        aliases = self.memo(aliases_by_target, egress.imported)
        hosts = tuple(self._host(entry, port, aliases, naming) for port, routed in by_port for entry in routed)
        last = catch_all_host(self.context.outbound_traffic_policy(self.scope))
        return self.memo(assemble_route_config, name, hosts, last, not ports_in_domains)

    def _host(
        self, entry: _Routed, port: int, aliases: dict[str, tuple[str, ...]], naming: HostNaming
    ) -> VirtualHostPlan:
        names = aliases.get(entry.host, ())
        routes = self._routes_of(entry, port)
        if entry.service is None:
            return self.memo(plan_bare_host, entry.host, port, naming, routes)
        return self.memo(plan_service_host, entry.service, names, port, naming, routes)


def aliases_by_target(imported: EgressServices) -> dict[str, tuple[str, ...]]:
    """Host names of ExternalName services by the host that they stand for."""
    aliases: dict[str, tuple[str, ...]] = {}
    for service in imported.services:
        if service.resolution is ServiceResolution.ALIAS:
            aliases[service.alias_of] = (*aliases.get(service.alias_of, ()), service.hostname)
    return aliases
