"""Plan load assignments: the endpoints of a cluster, by locality and in a stable order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from citadel.policy.peer import PeerPolicies
from galley.frozen import frozen
from galley.meta import NO_LABELS, Labels, ResourceKey
from pilot.ir.cluster import ClusterPlan, DiscoveryType, EndpointPlan, LoadAssignmentPlan
from pilot.memo import Memo
from pilot.mesh.clusters.localities import LocalityRouting, caller_of, is_near_and_far, locality_routing, place
from pilot.mesh.clusters.mutual_tls import takes_mutual_tls
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import OutboundScope
from pilot.mesh.rules.traffic_policy import effective_policy
from pilot.node.locality import Locality
from pilot.registry.catalog import Endpoint


def plan_load_assignments(
    context: PushContext, scope: OutboundScope, clusters: Sequence[ClusterPlan], memo: Memo
) -> tuple[LoadAssignmentPlan, ...]:
    """The load assignments of all clusters that learn their endpoints by EDS."""
    return tuple(_assignments(context, scope, clusters, memo))


def _assignments(
    context: PushContext, scope: OutboundScope, clusters: Sequence[ClusterPlan], memo: Memo
) -> Iterator[LoadAssignmentPlan]:
    visible, caller = context.visible_services(scope), caller_of(scope)
    for cluster in clusters:
        if cluster.discovery is not DiscoveryType.EDS:
            continue
        service = visible.named(cluster.service_host)
        port = service.port_numbered(cluster.service_port) if service else None
        if service is None or port is None:
            yield empty_assignment(cluster.name)
            continue
        labels: Labels | None = NO_LABELS
        rule = context.destination_rule(scope, service)
        if cluster.subset:
            labels = rule.subset_labels(cluster.subset) if rule else None
        routing = None
        if is_near_and_far(rule, context.mesh.locality_lb_setting):
            policy = memo(effective_policy, rule, port, cluster.subset)
            routing = locality_routing(policy, context.mesh.locality_lb_setting, caller)
        endpoints = context.catalog.endpoints_of(service.key, port.name) if labels is not None else ()
        policies = context.peers.of(service.namespace) if cluster.tls_by_endpoint else None
        selected = Selected(endpoints, labels or NO_LABELS, routing)
        yield memo(plan_assignment, cluster.name, selected, service.origins, policies)


@frozen
class Selected:
    """The endpoints of a cluster: those that carry ``labels`` (none: all), in localities that count as ``routing`` says
    (None: alike)."""

    endpoints: tuple[Endpoint, ...]
    labels: Labels = NO_LABELS
    routing: LocalityRouting | None = None


def plan_assignment(
    cluster_name: str,
    selected: Selected,
    origins: tuple[ResourceKey, ...],
    policies: PeerPolicies | None = None,
) -> LoadAssignmentPlan:
    """The endpoints in groups by locality. No endpoint is an answer too: 503.

    With ``policies`` those that take mutual TLS are marked.
    """
    labels = selected.labels
    groups: dict[Locality, list[tuple[Endpoint, EndpointPlan]]] = {}
    for endpoint in selected.endpoints:
        if endpoint.serving and (not labels or labels.selects(endpoint.labels)):
            planned = EndpointPlan(
                address=endpoint.address,
                port=endpoint.port,
                weight=endpoint.weight,
                mutual_tls=policies is not None and takes_mutual_tls(endpoint, policies.modes_of(endpoint.labels)),
            )
            groups.setdefault(endpoint.locality, []).append((endpoint, planned))
    return LoadAssignmentPlan(cluster_name=cluster_name, localities=place(groups, selected.routing), origins=origins)


def empty_assignment(cluster_name: str) -> LoadAssignmentPlan:
    """The answer for a cluster that nobody knows: silence would leave the cluster warming."""
    return LoadAssignmentPlan(cluster_name=cluster_name)
