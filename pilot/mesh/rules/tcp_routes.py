"""VirtualService ``tls`` and ``tcp`` rules → filter chains: opaque connections, by SNI and destination subnet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from galley.frozen import FrozenMap, frozen
from galley.hosts.names import DEFAULT_DOMAIN, resolve_gateway, resolve_host
from galley.kinds.networking.virtual_service import (
    L4MatchAttributes,
    RouteDestination,
    TlsMatchAttributes,
    VirtualService,
)
from galley.meta import Resource
from pilot.ir.listener import ChainMatchPlan, FilterChainPlan
from pilot.ir.network_filters import AccessLogPlan, TcpProxyPlan, WeightedTcpCluster
from pilot.mesh.filters import plan_filter_chain
from pilot.mesh.naming import outbound_cluster
from pilot.mesh.rules.destination_rules import DestinationRuleInEffect
from pilot.mesh.rules.destinations import NO_DESTINATIONS, Destinations, destination_cluster
from pilot.mesh.rules.http_matches import RouteSite
from pilot.registry.catalog import Service


@frozen
class TcpPolicy:
    """What a destination's policy says of the client's side of its connections; None leaves Envoy's default."""

    idle_timeout: timedelta | None = None
    max_connection_duration: timedelta | None = None


NO_POLICY = TcpPolicy()
TcpPolicies = FrozenMap[str, TcpPolicy]
NO_POLICIES: TcpPolicies = FrozenMap()


@frozen
class TcpRouting:
    """Everything besides VirtualServices that their opaque routes depend on. ``policies`` are by host."""

    site: RouteSite
    destinations: Destinations = NO_DESTINATIONS
    policies: TcpPolicies = NO_POLICIES
    access_log: AccessLogPlan | None = None


@frozen
class OpaqueTarget:
    """A service port as opaque connections see it.

    ``prefix_ranges`` are the service's address ranges. With ``by_name`` several services share the listener's
    address, so that only the SNI tells which one a TLS connection is for.
    """

    host: str
    port: int
    is_tls: bool
    prefix_ranges: tuple[str, ...] = ()
    by_name: bool = False
    policy: TcpPolicy = NO_POLICY


def tcp_policy(rule: DestinationRuleInEffect | None) -> TcpPolicy:
    """The TCP settings of a DestinationRule's top level; neither subsets nor port levels count here (Istio's rule)."""
    policy = rule.traffic_policy if rule is not None else None
    pool = policy.connection_pool if policy is not None else None
    if pool is None or pool.tcp is None:
        return NO_POLICY
    return TcpPolicy(idle_timeout=pool.tcp.idle_timeout, max_connection_duration=pool.tcp.max_connection_duration)


def tcp_policies(
    hosts: tuple[str, ...],
    lookup: Callable[[str], Service | None],
    rule_for: Callable[[Service], DestinationRuleInEffect | None],
) -> TcpPolicies:
    """The policies of those of ``hosts`` that have one."""
    found = {host: tcp_policy(rule_for(service)) for host in hosts if (service := lookup(host)) is not None}
    chosen = {host: policy for host, policy in found.items() if policy != NO_POLICY}
    return FrozenMap(chosen) if chosen else NO_POLICIES


def plan_target_chains(
    target: OpaqueTarget, rules: tuple[Resource[VirtualService], ...], routing: TcpRouting
) -> tuple[FilterChainPlan, ...]:
    """The chains of one service port on a sidecar. ``rules`` are those that name the service."""
    plan = _tls_chains if target.is_tls else _tcp_chains
    return plan(target, rules, routing)


def _tls_chains(
    target: OpaqueTarget, rules: tuple[Resource[VirtualService], ...], routing: TcpRouting
) -> tuple[FilterChainPlan, ...]:
    """A chain per match; the first keeps a pair of SNI and subnets. Without any match, one chain for the service."""
    chains: dict[ChainMatchPlan, FilterChainPlan] = {}
    for rule in rules:
        for tls in rule.spec.tls:
            proxy = plan_tcp_proxy(tls.route, rule, routing)
            for match in tls.match:
                if proxy is None or not opaque_match_applies(match, rule_namespace=rule.namespace, site=routing.site):
                    continue
                planned = ChainMatchPlan(
                    server_names=match.sni_hosts,
                    prefix_ranges=match.destination_subnets or target.prefix_ranges,
                )
                chains.setdefault(planned, plan_filter_chain(proxy, planned))
    if chains:
        return tuple(chains.values())
    own = ChainMatchPlan(server_names=(target.host,) if target.by_name else (), prefix_ranges=target.prefix_ranges)
    return (plan_filter_chain(_own_proxy(target, routing), own),)


def _tcp_chains(
    target: OpaqueTarget, rules: tuple[Resource[VirtualService], ...], routing: TcpRouting
) -> tuple[FilterChainPlan, ...]:
    """Chains by destination subnet, up to the first route without one; if there is none, the service comes last."""
    chains: dict[ChainMatchPlan, FilterChainPlan] = {}
    own = ChainMatchPlan(prefix_ranges=target.prefix_ranges)
    for rule in rules:
        for tcp in rule.spec.tcp:
            proxy = plan_tcp_proxy(tcp.route, rule, routing)
            matches = [
                match
                for match in tcp.match
                if opaque_match_applies(match, rule_namespace=rule.namespace, site=routing.site)
            ]
            if proxy is None or (tcp.match and not matches):
                continue
            if not tcp.match or any(not match.destination_subnets for match in matches):
                chains.setdefault(own, plan_filter_chain(proxy, own))
                return tuple(chains.values())
            subnets = tuple(dict.fromkeys(subnet for match in matches for subnet in match.destination_subnets))
            by_subnet = ChainMatchPlan(prefix_ranges=subnets)
            chains.setdefault(by_subnet, plan_filter_chain(proxy, by_subnet))
    chains.setdefault(own, plan_filter_chain(_own_proxy(target, routing), own))
    return tuple(chains.values())


def _own_proxy(target: OpaqueTarget, routing: TcpRouting) -> TcpProxyPlan:
    cluster = outbound_cluster(port=target.port, host=target.host)
    return single_cluster_proxy(cluster, routing.access_log, target.policy)


def opaque_match_applies(
    match: TlsMatchAttributes | L4MatchAttributes, *, rule_namespace: str, site: RouteSite
) -> bool:
    """Whether the static conditions hold; unlike in ``http``, all of them count together."""
    if match.port and match.port != site.port:
        return False
    if match.gateways and site.gateway not in (resolve_gateway(name, rule_namespace) for name in match.gateways):
        return False
    if match.source_namespace and match.source_namespace != site.namespace:
        return False
    return match.source_labels.selects(site.labels)


def plan_tcp_proxy(
    shares: tuple[RouteDestination, ...], rule: Resource[VirtualService], routing: TcpRouting
) -> TcpProxyPlan | None:
    """Forward to one destination or to several by weight; None when no destination has a share.

    Timeouts are those of the first destination.
    """
    named = [(share.destination, share.weight) for share in shares if share.destination is not None]
    if len(named) > 1:
        named = [(destination, weight) for destination, weight in named if weight > 0]
    if not named:
        return None
    clusters = tuple(
        WeightedTcpCluster(
            cluster=destination_cluster(
                destination,
                namespace=rule.namespace,
                known=routing.destinations,
                listener_port=routing.site.port,
            ),
            weight=weight if len(named) > 1 else 1,
        )
        for destination, weight in named
    )
    policy = routing.policies.get(resolve_host(named[0][0].host, rule.namespace, DEFAULT_DOMAIN), NO_POLICY)
    return TcpProxyPlan(
        stat_prefix=clusters[0].cluster if len(clusters) == 1 else f"{rule.name}.{rule.namespace}",
        clusters=clusters,
        idle_timeout=policy.idle_timeout,
        max_connection_duration=policy.max_connection_duration,
        access_log=routing.access_log,
    )


def single_cluster_proxy(cluster: str, access_log: AccessLogPlan | None, policy: TcpPolicy = NO_POLICY) -> TcpProxyPlan:
    """Forward everything to one cluster."""
    return TcpProxyPlan(
        stat_prefix=cluster,
        clusters=(WeightedTcpCluster(cluster=cluster, weight=1),),
        idle_timeout=policy.idle_timeout,
        max_connection_duration=policy.max_connection_duration,
        access_log=access_log,
    )
