"""Which localities a client prefers (Istio, "LocalityLoadBalancerSetting"): priorities, or weights by where it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import ceil

from galley.frozen import FrozenMap, frozen
from galley.kinds.networking.destination_rule import LocalityLbSetting
from galley.meta import NO_LABELS, Labels
from pilot.ir.cluster import EndpointPlan, LocalityPlan
from pilot.mesh.context.scope import OutboundScope
from pilot.mesh.rules.destination_rules import DestinationRuleInEffect
from pilot.mesh.rules.traffic_policy import EffectivePolicy
from pilot.node.locality import NOWHERE, Locality
from pilot.registry.catalog import Endpoint

_REGION, _ZONE, _SUB_ZONE = "topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"
_NETWORK = "topology.istio.io/network"
_FAR, _NOT_MEANT = 3, 4
"""Of another region; of another than ``failover`` names."""


@frozen
class Caller:
    """Where a client is, and those of its labels that ``failoverPriority`` asks about."""

    locality: Locality = NOWHERE
    labels: Labels = NO_LABELS


def caller_of(scope: OutboundScope) -> Caller:
    """The client that proxies of ``scope`` are."""
    return Caller(scope.locality, topology_labels(scope.priority_labels, scope.locality, scope.network))


def topology_labels(labels: Labels, locality: Locality, network: str) -> Labels:
    """``labels``, and what the place of a workload says in the words of labels."""
    places = {
        _REGION: locality.region,
        _ZONE: locality.zone,
        _SUB_ZONE: locality.sub_zone,
        _NETWORK: network,
    }
    return FrozenMap({**{name: value for name, value in places.items() if value}, **labels})


@frozen
class LocalityRouting:
    """What a policy means to one client. ``weights`` are shares of the localities that are matched, and no other is
    used; else endpoints have priorities: by labels where ``priority_labels`` names any, by how near they are, or both.

    ``failover_region`` is where traffic goes when there is nothing in the client's region; "" for any other.
    """

    caller: Caller = Caller()
    weights: tuple[tuple[str, int], ...] | None = None
    priority_labels: tuple[str, ...] = ()
    by_locality: bool = True
    failover_region: str = ""


def is_near_and_far(rule: DestinationRuleInEffect | None, mesh: LocalityLbSetting) -> bool:
    """Whether the endpoints of a service whose rule this is may count differently for clients of different places."""
    return bool(mesh.distribute) or (rule is not None and rule.prefers_localities)


def is_weighted(policy: EffectivePolicy, mesh: LocalityLbSetting) -> bool:
    """Whether Envoy is to go by the weights of localities."""
    setting = _setting(policy, mesh)
    if setting is None:
        return False
    fails_over = bool(setting.failover or setting.failover_priority)
    return bool(setting.distribute) or (fails_over and policy.outlier_detection is not None)


def locality_routing(policy: EffectivePolicy, mesh: LocalityLbSetting, caller: Caller) -> LocalityRouting | None:
    """How ``caller`` chooses among localities; None where all are alike.

    Priorities need outlier detection: Envoy leaves one only when it sees endpoints fail.
    """
    setting = _setting(policy, mesh)
    if setting is None:
        return None
    if setting.distribute:
        chosen = next((row.to for row in setting.distribute if matches(caller.locality, row.from_locality)), None)
        return LocalityRouting(weights=tuple(chosen.items())) if chosen is not None else None
    if policy.outlier_detection is None:
        return None
    region = caller.locality.region
    return LocalityRouting(
        caller=caller,
        priority_labels=setting.failover_priority,
        by_locality=not setting.failover_priority or bool(setting.failover),
        failover_region=next((one.to_region for one in setting.failover if one.from_region == region), ""),
    )


def _setting(policy: EffectivePolicy, mesh: LocalityLbSetting) -> LocalityLbSetting | None:
    own = policy.load_balancer.locality_lb_setting if policy.load_balancer is not None else None
    setting = own if own is not None else mesh
    return setting if setting.enabled is not False else None


def matches(locality: Locality, written: str) -> bool:
    """Whether ``locality`` is one that ``written`` (``region/zone/subzone``) means: ``*`` and what is left out at the
    end stand for any."""
    region, zone, sub_zone = (*written.split("/", 2), "", "")[:3]
    parts = ((region, locality.region), (zone, locality.zone), (sub_zone, locality.sub_zone))
    return region != "" and all(asked in ("", "*", found) for asked, found in parts)


def place(
    groups: dict[Locality, list[tuple[Endpoint, EndpointPlan]]], routing: LocalityRouting | None
) -> tuple[LocalityPlan, ...]:
    """The localities in order, with the weights and priorities that ``routing`` gives them."""
    ordered = sorted(groups, key=lambda locality: (locality.region, locality.zone, locality.sub_zone))
    if routing is None:
        return tuple(_locality(one, groups[one]) for one in ordered)
    if routing.weights is not None:
        return _weighted([_locality(one, groups[one]) for one in ordered], routing.weights)
    parts = [
        (priority, locality, endpoints)
        for locality in ordered
        for priority, endpoints in _by_priority(locality, groups[locality], routing)
    ]
    used = sorted({priority for priority, _, _ in parts})  # Envoy wants them without gaps
    return tuple(_locality(locality, endpoints, used.index(priority)) for priority, locality, endpoints in parts)


def _locality(
    locality: Locality, endpoints: Iterable[tuple[Endpoint, EndpointPlan]], priority: int = 0
) -> LocalityPlan:
    return LocalityPlan(locality=locality, endpoints=tuple(plan for _, plan in endpoints), priority=priority)


def _weighted(localities: list[LocalityPlan], weights: tuple[tuple[str, int], ...]) -> tuple[LocalityPlan, ...]:
    """Each share is divided among the localities that it means, by what they weigh; the others lose their endpoints."""
    left = dict(enumerate(localities))
    for written, share in weights:
        meant = {index: one for index, one in left.items() if matches(one.locality, written)}
        whole = sum(one.total_weight for one in meant.values())
        for index, one in meant.items():
            localities[index] = replace(one, weight=ceil(one.total_weight * share / whole))
            del left[index]
    return tuple(
        replace(one, endpoints=(), weight=one.total_weight) if index in left else one
        for index, one in enumerate(localities)
    )


def _by_priority(
    locality: Locality, endpoints: list[tuple[Endpoint, EndpointPlan]], routing: LocalityRouting
) -> list[tuple[int, list[tuple[Endpoint, EndpointPlan]]]]:
    """The endpoints of one locality, by their priority, the smallest first."""
    nearness = _nearness(locality, routing) if routing.by_locality else 0
    found: dict[int, list[tuple[Endpoint, EndpointPlan]]] = {}
    for one in endpoints:
        by_label = _label_priority(one[0], routing)
        found.setdefault(by_label * (_NOT_MEANT + 1) + nearness, []).append(one)
    return sorted(found.items())


def _nearness(locality: Locality, routing: LocalityRouting) -> int:
    own = routing.caller.locality
    pairs = ((own.region, locality.region), (own.zone, locality.zone), (own.sub_zone, locality.sub_zone))
    alike = next((index for index, (mine, other) in enumerate(pairs) if mine != other), len(pairs))
    far = _FAR - alike
    is_meant = not routing.failover_region or locality.region == routing.failover_region
    return far if far < _FAR or is_meant else _NOT_MEANT


def _label_priority(endpoint: Endpoint, routing: LocalityRouting) -> int:
    """How many labels are left from the first on that differs; another network counts for all, and does not end it."""
    asked, count, base = routing.priority_labels, len(routing.priority_labels), 0
    if not asked:
        return 0
    labels = topology_labels(endpoint.labels, endpoint.locality, endpoint.network)
    for index, written in enumerate(asked):
        name, separator, wanted = written.partition("=")
        if labels.get(name, "") == (wanted if separator else routing.caller.labels.get(name, "")):
            continue
        if index == 0 and name == _NETWORK:
            base = count
            continue
        return base + count - index
    return base
