"""What of a request, or of a connection, consistent hashing goes by (Istio, "DestinationRule": consistentHash)."""

from __future__ import annotations

from collections.abc import Callable

from galley.frozen import FrozenMap, frozen
from galley.kinds.networking.destination_rule import (
    ConsistentHashLb,
    LoadBalancerSettings,
    PortTrafficPolicy,
    TrafficPolicy,
)
from pilot.ir.route import HashPolicyPlan
from pilot.mesh.rules.destination_rules import DestinationRuleInEffect
from pilot.registry.catalog import Service


@frozen
class Hashing:
    """The hash policies that a DestinationRule has for its host: by port (0 for all others) and by subset and port."""

    ports: FrozenMap[int, HashPolicyPlan] = FrozenMap()
    subsets: FrozenMap[tuple[str, int], HashPolicyPlan] = FrozenMap()

    def policy(self, port: int, subset: str = "") -> HashPolicyPlan | None:
        """That of a destination: its subset's for the port, its subset's, the host's for the port, the host's.

        A level without consistent hashing leaves it to the next, also one that balances in another way: then the
        policy changes nothing, for the cluster does not hash.
        """
        own = self.subsets.get((subset, port)) or self.subsets.get((subset, 0)) if subset else None
        return own or self.ports.get(port) or self.ports.get(0)


NO_HASHING = Hashing()
HashingByHost = FrozenMap[str, Hashing]
"""By the host that rules name; hosts without consistent hashing are left out."""

NONE_HASHES: HashingByHost = FrozenMap()


def hashing_of(rule: DestinationRuleInEffect | None) -> Hashing:
    """What ``rule`` says of hashing."""
    if rule is None:
        return NO_HASHING
    ports = _by_port(rule.traffic_policy)
    subsets = {
        (one.name, port): policy for one in rule.subsets for port, policy in _by_port(one.traffic_policy).items()
    }
    return Hashing(FrozenMap(ports), FrozenMap(subsets)) if ports or subsets else NO_HASHING


def hashing_by_host(
    hosts: tuple[str, ...],
    lookup: Callable[[str], Service | None],
    rule_for: Callable[[Service], DestinationRuleInEffect | None],
) -> HashingByHost:
    """What the rules of those of ``hosts`` that are services say of hashing."""
    found = {host: hashing_of(rule_for(service)) for host in hosts if (service := lookup(host)) is not None}
    hashed = {host: hashing for host, hashing in found.items() if hashing != NO_HASHING}
    return FrozenMap(hashed) if hashed else NONE_HASHES


def _by_port(policy: TrafficPolicy | None) -> dict[int, HashPolicyPlan]:
    if policy is None:
        return {}
    levels: list[tuple[int, TrafficPolicy | PortTrafficPolicy]] = [(0, policy)]
    levels += [(one.port.number, one) for one in policy.port_level_settings if one.port is not None]
    found = {port: plan_hash_policy(_consistent_hash(level.load_balancer)) for port, level in levels}
    return {port: plan for port, plan in found.items() if plan is not None}


def _consistent_hash(balancer: LoadBalancerSettings | None) -> ConsistentHashLb | None:
    return balancer.consistent_hash if balancer is not None else None


def plan_hash_policy(hashing: ConsistentHashLb | None) -> HashPolicyPlan | None:
    """What is hashed; None where nothing is named."""
    if hashing is None:
        return None
    if hashing.http_header_name:
        return HashPolicyPlan(header=hashing.http_header_name)
    if hashing.http_query_parameter_name:
        return HashPolicyPlan(query_parameter=hashing.http_query_parameter_name)
    if hashing.http_cookie is not None:
        return HashPolicyPlan(cookie=hashing.http_cookie)
    return HashPolicyPlan(source_ip=True) if hashing.use_source_ip else None


def hashes_addresses(rule: DestinationRuleInEffect | None) -> bool:
    """Whether connections to the host go by the client's address: what the host's level says (Istio's rule)."""
    policy = rule.traffic_policy if rule is not None else None
    hashing = _consistent_hash(policy.load_balancer) if policy is not None else None
    return hashing is not None and bool(hashing.use_source_ip)
