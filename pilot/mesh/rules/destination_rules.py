"""Which DestinationRule a client's proxy obeys for a service (Istio, "DestinationRule": namespaces and merging)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from galley.exports import EVERYWHERE, Exports, resolve_exports
from galley.frozen import frozen
from galley.hosts.names import DEFAULT_DOMAIN, resolve_host
from galley.hosts.wildcards import HostIndex
from galley.kinds.networking.destination_rule import (
    DestinationRule,
    LoadBalancerSettings,
    LocalityLbSetting,
    PortTrafficPolicy,
    Subset,
    TrafficPolicy,
)
from galley.meta import Labels, Resource, ResourceKey


@frozen
class DestinationRuleInEffect:
    """One or several DestinationRules for the same host, namespace and exportTo, merged.

    ``origins`` are all of them, oldest first.
    """

    host: str
    namespace: str
    exports: Exports
    origins: tuple[ResourceKey, ...]
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()

    @property
    def key(self) -> ResourceKey:
        """The oldest of the rules."""
        return self.origins[0]

    @property
    def prefers_localities(self) -> bool:
        """Whether localities may count differently for clients of different places."""
        return any(
            level.outlier_detection is not None or _localities(level.load_balancer) is not None
            for level in _levels(self)
        )

    def subset_labels(self, name: str) -> Labels | None:
        """The labels of the named subset; None when there is no such subset."""
        return next((subset.labels for subset in self.subsets if subset.name == name), None)

    def is_private(self) -> bool:
        """Whether only its own namespace may see it."""
        return self.exports.namespaces == (self.namespace,)

    def is_for_own_namespace(self) -> bool:
        """Whether it applies to clients of its own namespace: not when it is exported only to others."""
        return self.exports.includes(self.namespace)


_RulesByHost = HostIndex[tuple[DestinationRuleInEffect, ...]]
_NO_RULES: _RulesByHost = HostIndex({})


@dataclass(frozen=True, slots=True, eq=False)
class DestinationRuleIndex:
    """Rules by namespace: those for clients of the namespace, those exported from it, and those private to it."""

    root_namespace: str
    own: dict[str, _RulesByHost]
    exported: dict[str, _RulesByHost]
    private: dict[str, _RulesByHost]
    prefers_localities: bool = False
    """Whether any rule makes localities count differently for clients of different places."""
    priority_labels: frozenset[str] = frozenset()
    """The labels of clients that any rule asks about (``failoverPriority``)."""

    def in_effect(self, client: str, hostname: str, owner: str) -> DestinationRuleInEffect | None:
        """The rule for the service ``hostname`` of namespace ``owner``, asked from namespace ``client``.

        The first namespace with a rule decides: the client's, the service's, the root namespace. In the last two the
        host is chosen before exportTo is checked, so that an unexported specific rule hides an exported wildcard.
        """
        own = self.private if client == self.root_namespace else self.own
        mine = own.get(client, _NO_RULES).find(hostname)
        if mine:
            return mine[-1]
        for namespace in (owner, self.root_namespace):
            rules = self.exported.get(namespace, _NO_RULES).find(hostname) or ()
            visible = [rule for rule in rules if rule.exports.includes(client)]
            if visible:
                return visible[-1]
        return None


def index_destination_rules(
    rules: tuple[Resource[DestinationRule], ...],
    export_default: tuple[str, ...],
    root_namespace: str,
    domain: str = DEFAULT_DOMAIN,
) -> DestinationRuleIndex:
    """Merge and index ``rules``, which are given oldest first. ``domain`` is the DNS domain of the mesh."""
    merged = tuple(_merge_all(rules, export_default, domain))
    return DestinationRuleIndex(
        root_namespace=root_namespace,
        own=_tables(rule for rule in merged if rule.is_for_own_namespace()),
        exported=_tables(rule for rule in merged if not rule.is_private()),
        private=_tables(rule for rule in merged if rule.is_private()),
        prefers_localities=any(rule.prefers_localities for rule in merged),
        priority_labels=frozenset(
            label
            for rule in merged
            for level in _levels(rule)
            for label in named_labels(_localities(level.load_balancer) or LocalityLbSetting())
        ),
    )


def named_labels(setting: LocalityLbSetting) -> Iterator[str]:
    """The labels of clients by which endpoints get priorities; those with a value of their own ask for none."""
    return (label for label in setting.failover_priority if "=" not in label)


def _levels(rule: DestinationRuleInEffect) -> Iterator[TrafficPolicy | PortTrafficPolicy]:
    """The policies of host and subsets, with those for ports."""
    for policy in (rule.traffic_policy, *(subset.traffic_policy for subset in rule.subsets)):
        if policy is not None:
            yield policy
            yield from policy.port_level_settings


def _localities(balancer: LoadBalancerSettings | None) -> LocalityLbSetting | None:
    return balancer.locality_lb_setting if balancer is not None else None


def _merge_all(
    rules: Iterable[Resource[DestinationRule]], export_default: tuple[str, ...], domain: str
) -> Iterator[DestinationRuleInEffect]:
    alike: dict[tuple[str, str, tuple[str, ...]], list[Resource[DestinationRule]]] = {}
    for rule in rules:
        host = resolve_host(rule.spec.host, rule.namespace, domain)
        targets = tuple(sorted(set(rule.spec.export_to or export_default)))
        export_to = (EVERYWHERE,) if EVERYWHERE in targets else targets
        alike.setdefault((rule.namespace, host, export_to), []).append(rule)
    for (namespace, host, export_to), group in alike.items():
        subsets: dict[str, Subset] = {}
        for subset in (subset for rule in group for subset in rule.spec.subsets):
            subsets.setdefault(subset.name, subset)
        yield DestinationRuleInEffect(
            host=host,
            namespace=namespace,
            exports=resolve_exports(export_to, (), namespace),
            origins=tuple(rule.key for rule in group),
            traffic_policy=next((r.spec.traffic_policy for r in group if r.spec.traffic_policy is not None), None),
            subsets=tuple(subsets.values()),
        )


def _tables(rules: Iterable[DestinationRuleInEffect]) -> dict[str, _RulesByHost]:
    by_namespace: dict[str, dict[str, tuple[DestinationRuleInEffect, ...]]] = {}
    for rule in rules:
        hosts = by_namespace.setdefault(rule.namespace, {})
        hosts[rule.host] = (*hosts.get(rule.host, ()), rule)
    return {namespace: HostIndex(hosts) for namespace, hosts in by_namespace.items()}
