"""One effective policy from a DestinationRule's levels: host, port and subset."""

from __future__ import annotations

from dataclasses import replace

from galley.frozen import frozen
from galley.kinds.networking.destination_rule import (
    ConnectionPoolSettings,
    LoadBalancerSettings,
    OutlierDetection,
    PortTrafficPolicy,
    RetryBudget,
    TrafficPolicy,
)
from galley.kinds.values import ClientTlsSettings
from pilot.mesh.rules.destination_rules import DestinationRuleInEffect
from pilot.registry.catalog import Port


@frozen
class EffectivePolicy:
    """What applies to one cluster; None means the default."""

    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTlsSettings | None = None
    retry_budget: RetryBudget | None = None


NO_POLICY = EffectivePolicy()


def effective_policy(rule: DestinationRuleInEffect | None, port: Port, subset: str = "") -> EffectivePolicy:
    """The policy of ``rule`` for ``port`` and ``subset``.

    Settings for a port replace all four blocks of their level, also those that they leave out; a subset's policy
    replaces block by block what it has (Istio, "DestinationRule": portLevelSettings, subsets). What a port cannot say
    is dropped by settings for the host's, and kept by those for a subset's.
    """
    if rule is None:
        return NO_POLICY
    policy = _at_host(rule.traffic_policy, port)
    own = next((one.traffic_policy for one in rule.subsets if one.name == subset), None) if subset else None
    return policy if own is None else _at_subset(policy, own, port)


def _at_host(policy: TrafficPolicy | None, port: Port) -> EffectivePolicy:
    if policy is None:
        return NO_POLICY
    return _blocks(_for_port(policy, port) or policy)


def _at_subset(policy: EffectivePolicy, own: TrafficPolicy, port: Port) -> EffectivePolicy:
    retry_budget = own.retry_budget or policy.retry_budget
    at_port = _for_port(own, port)
    if at_port is not None:
        return replace(_blocks(at_port), retry_budget=retry_budget)
    return EffectivePolicy(
        load_balancer=own.load_balancer or policy.load_balancer,
        connection_pool=own.connection_pool or policy.connection_pool,
        outlier_detection=own.outlier_detection or policy.outlier_detection,
        tls=own.tls or policy.tls,
        retry_budget=retry_budget,
    )


def _for_port(policy: TrafficPolicy, port: Port) -> PortTrafficPolicy | None:
    return next((one for one in policy.port_level_settings if one.port and one.port.number == port.number), None)


def _blocks(policy: TrafficPolicy | PortTrafficPolicy) -> EffectivePolicy:
    return EffectivePolicy(
        load_balancer=policy.load_balancer,
        connection_pool=policy.connection_pool,
        outlier_detection=policy.outlier_detection,
        tls=policy.tls,
        retry_budget=policy.retry_budget if isinstance(policy, TrafficPolicy) else None,
    )
