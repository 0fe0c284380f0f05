"""Rules for opaque connections → filter chains, by SNI and destination subnet."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta

from galley.frozen import FrozenMap, frozen
from galley.kinds.networking.destination_rule import TcpSettings
from pilot.ir.listener import ChainMatchPlan, FilterChainPlan
from pilot.ir.network_filters import AccessLogPlan, TcpProxyPlan, WeightedTcpCluster
from pilot.mesh.filters import plan_filter_chain
from pilot.mesh.naming import outbound_cluster
from pilot.mesh.rules.destination_rules import DestinationRuleInEffect
from pilot.mesh.rules.destinations import NO_DESTINATIONS, Destinations, destination_cluster
from pilot.mesh.rules.hashing import hashes_addresses
from pilot.mesh.rules.http_matches import RouteSite, applies
from pilot.mesh.rules.model import RuleShare, TrafficRule
from pilot.registry.catalog import Service


@frozen
class TcpPolicy:
    """What a destination's policy says of the client's side of its connections; None leaves Envoy's default."""

    idle_timeout: timedelta | None = None
    max_connection_duration: timedelta | None = None
    hash_source_ip: bool = False
    """Whether the endpoint goes by the client's address."""


NO_POLICY = TcpPolicy()
TcpPolicies = FrozenMap[str, TcpPolicy]
NO_POLICIES: TcpPolicies = FrozenMap()


@frozen
class TcpRouting:
    """Everything besides rules that the chains of opaque connections depend on. ``policies`` are by host."""

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
    tcp = pool.tcp if pool is not None and pool.tcp is not None else TcpSettings()
    return TcpPolicy(
        idle_timeout=tcp.idle_timeout,
        max_connection_duration=tcp.max_connection_duration,
        hash_source_ip=hashes_addresses(rule),
    )


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
    target: OpaqueTarget, rules: tuple[TrafficRule, ...], routing: TcpRouting
) -> tuple[FilterChainPlan, ...]:
    """The chains of one service port on a sidecar. ``rules`` are those that name the service."""
    plan = _tls_chains if target.is_tls else _tcp_chains
    return plan(target, rules, routing)


def _tls_chains(
    target: OpaqueTarget, rules: tuple[TrafficRule, ...], routing: TcpRouting
) -> tuple[FilterChainPlan, ...]:
    """A chain per condition; the first keeps a pair of SNI and subnets. Without any, one chain for the service."""
    chains: dict[ChainMatchPlan, FilterChainPlan] = {}
    for rule in rules:
        for tls in rule.tls:
            proxy = plan_tcp_proxy(tls.shares, rule, routing)
            for condition in tls.conditions:
                if proxy is None or not applies(condition, routing.site):
                    continue
                planned = ChainMatchPlan(
                    server_names=condition.sni_hosts,
                    prefix_ranges=condition.destination_subnets or target.prefix_ranges,
                )
                chains.setdefault(planned, plan_filter_chain(proxy, planned))
    if chains:
        return tuple(chains.values())
    own = ChainMatchPlan(server_names=(target.host,) if target.by_name else (), prefix_ranges=target.prefix_ranges)
    return (plan_filter_chain(_own_proxy(target, routing), own),)


def _tcp_chains(
    target: OpaqueTarget, rules: tuple[TrafficRule, ...], routing: TcpRouting
) -> tuple[FilterChainPlan, ...]:
    """Chains by destination subnet, up to the first rule without one; if there is none, the service comes last."""
    chains: dict[ChainMatchPlan, FilterChainPlan] = {}
    own = ChainMatchPlan(prefix_ranges=target.prefix_ranges)
    for rule in rules:
        for tcp in rule.tcp:
            proxy = plan_tcp_proxy(tcp.shares, rule, routing)
            subnets = [one.destination_subnets for one in tcp.conditions if applies(one, routing.site)]
            if proxy is None or not subnets:
                continue
            if not all(subnets):
                chains.setdefault(own, plan_filter_chain(proxy, own))
                return tuple(chains.values())
            by_subnet = ChainMatchPlan(prefix_ranges=tuple(dict.fromkeys(itertools.chain.from_iterable(subnets))))
            chains.setdefault(by_subnet, plan_filter_chain(proxy, by_subnet))
    chains.setdefault(own, plan_filter_chain(_own_proxy(target, routing), own))
    return tuple(chains.values())


def _own_proxy(target: OpaqueTarget, routing: TcpRouting) -> TcpProxyPlan:
    cluster = outbound_cluster(port=target.port, host=target.host)
    return single_cluster_proxy(cluster, routing.access_log, target.policy)


def plan_tcp_proxy(shares: tuple[RuleShare, ...], rule: TrafficRule, routing: TcpRouting) -> TcpProxyPlan | None:
    """Forward to one destination or to several by weight; None when no destination has a weight.

    Timeouts are those of the first destination.
    """
    weighted = [share for share in shares if share.weight > 0]
    if not weighted:
        return None
    clusters = tuple(
        WeightedTcpCluster(
            cluster=destination_cluster(share.destination, routing.destinations, routing.site.port),
            weight=share.weight if len(weighted) > 1 else 1,
        )
        for share in weighted
    )
    policies = [routing.policies.get(share.destination.host, NO_POLICY) for share in weighted]
    policy = policies[0]
    return TcpProxyPlan(
        stat_prefix=clusters[0].cluster if len(clusters) == 1 else f"{rule.name}.{rule.namespace}",
        clusters=clusters,
        idle_timeout=policy.idle_timeout,
        max_connection_duration=policy.max_connection_duration,
        hash_source_ip=any(one.hash_source_ip for one in policies),
        access_log=routing.access_log,
    )


def single_cluster_proxy(cluster: str, access_log: AccessLogPlan | None, policy: TcpPolicy = NO_POLICY) -> TcpProxyPlan:
    """Forward everything to one cluster."""
    return TcpProxyPlan(
        stat_prefix=cluster,
        clusters=(WeightedTcpCluster(cluster=cluster, weight=1),),
        idle_timeout=policy.idle_timeout,
        max_connection_duration=policy.max_connection_duration,
        hash_source_ip=policy.hash_source_ip,
        access_log=access_log,
    )
