"""Route configurations of gateways: rules for the same host are merged, older ones first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from galley.hosts.wildcards import common_host
from galley.meta import ResourceKey
from pilot.ir.route import RouteConfigPlan, RoutePlan, VirtualHostPlan
from pilot.memo import Memo
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import OutboundScope
from pilot.mesh.gateway.rules import GatewayRules
from pilot.mesh.gateway.servers import GatewayPort, GatewayServer, ServerKind
from pilot.mesh.naming import authority, virtual_host_name
from pilot.mesh.outbound.virtual_hosts import assemble_route_config
from pilot.mesh.rules.model import TrafficRule


def plan_gateway_routes(context: PushContext, scope: OutboundScope, memo: Memo) -> tuple[RouteConfigPlan, ...]:
    """The route configurations of all HTTP servers, by name."""
    rules = GatewayRules(context=context, scope=scope, memo=memo)
    planned = (_plan_config(rules, name, servers) for port in rules.ports() for name, servers in _by_route(port))
    return tuple(sorted(planned, key=lambda config: config.name))


def _by_route(port: GatewayPort) -> Iterator[tuple[str, tuple[GatewayServer, ...]]]:
    """The servers of a port by route configuration: plain ones share one, each over TLS has its own."""
    by_name: dict[str, list[GatewayServer]] = {}
    for server in port.servers:
        if server.kind in (ServerKind.HTTP, ServerKind.HTTPS):
            by_name.setdefault(server.route_name(port.port), []).append(server)
    for name, servers in by_name.items():
        yield name, tuple(servers)


@dataclass(slots=True)
class _Draft:
    """A virtual host in the making: what each rule adds to one host."""

    port: int
    require_tls: bool = False
    routes: dict[tuple[RoutePlan, ...], None] = field(default_factory=dict)
    origins: dict[ResourceKey, None] = field(default_factory=dict)


def _plan_config(rules: GatewayRules, name: str, servers: tuple[GatewayServer, ...]) -> RouteConfigPlan:
    drafts: dict[str, _Draft] = {}
    for server in servers:
        for rule in rules.bound_to(server):
            hosts = rules.memo(served_hosts, server, rule)
            routes = rules.http_routes(rule, server) if hosts else ()
            for host in hosts if routes else ():
                draft = drafts.setdefault(host, _Draft(port=server.number))
                draft.routes[routes] = None
                draft.require_tls |= server.redirects_to_https
                draft.origins.update(dict.fromkeys((server.gateway, rule.origin)))
        for host in server.names if server.redirects_to_https else ():
            draft = drafts.setdefault(host, _Draft(port=server.number))
            draft.require_tls = True
            draft.origins[server.gateway] = None
    filters = rules.attached_filters.routes
    if not drafts:
        origins = tuple(dict.fromkeys(server.gateway for server in servers))
        nobody = rules.memo(plan_blackhole_host, servers[0].number, origins)
        return rules.memo(assemble_route_config, name, (nobody,), None, True, filters)
    return rules.memo(assemble_route_config, name, tuple(_virtual_hosts(rules.memo, drafts)), None, True, filters)


def served_hosts(server: GatewayServer, rule: TrafficRule) -> tuple[str, ...]:
    """The hosts that a rule serves at a server: what both name, the more specific side winning."""
    allowed = server.hosts_for(rule.namespace)
    found = (common_host(own, host) for host in allowed for own in rule.hosts)
    return tuple(sorted({host for host in found if host is not None}))


def _virtual_hosts(memo: Memo, drafts: dict[str, _Draft]) -> Iterator[VirtualHostPlan]:
    """A virtual host for each list of routes; hosts with identical lists share one, named after the first."""
    alike: dict[tuple[tuple[RoutePlan, ...], bool, int], list[str]] = {}
    for host in sorted(drafts):
        draft = drafts[host]
        lists = tuple(draft.routes) or ((),)
        routes = lists[0] if len(lists) == 1 else memo(merge_routes, lists)
        alike.setdefault((routes, draft.require_tls, draft.port), []).append(host)
    for (routes, require_tls, port), hosts in alike.items():
        origins = tuple(dict.fromkeys(origin for host in hosts for origin in drafts[host].origins))
        yield memo(plan_gateway_host, tuple(hosts), port, routes, require_tls, origins)


def merge_routes(lists: tuple[tuple[RoutePlan, ...], ...]) -> tuple[RoutePlan, ...]:
    """The routes of several rules for one host, older rules first, and what takes every request at the end."""
    routes = [route for routes in lists for route in routes]
    return tuple(sorted(routes, key=lambda route: route.match.is_catch_all))


def plan_gateway_host(
    hosts: tuple[str, ...],
    port: int,
    routes: tuple[RoutePlan, ...],
    require_tls: bool,
    origins: tuple[ResourceKey, ...],
) -> VirtualHostPlan:
    """The virtual host of one or several hosts with the same routes. With ``require_tls`` it answers plain requests
    with a redirect to HTTPS."""
    return VirtualHostPlan(
        name=virtual_host_name(hosts[0], port),
        domains=tuple(map(authority, hosts)),
        routes=routes,
        require_tls=require_tls,
        origins=origins,
    )


def plan_blackhole_host(port: int, origins: tuple[ResourceKey, ...]) -> VirtualHostPlan:
    """What a server without rules answers with: 404 to everything, for it has no routes."""
    return VirtualHostPlan(name=virtual_host_name("blackhole", port), domains=("*",), routes=(), origins=origins)
