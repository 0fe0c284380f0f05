"""Context and proxy in, encoded resources out: the whole translation as one pure function with a memory.

Work follows what changed: plans are remembered by their inputs, encodings by their plans, and finished sets by the
scope that they are for, so the thousandth replica of a workload costs a few dictionary look-ups.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pilot.envoy.encoded import RenderCache
from pilot.ir.cluster import ClusterPlan
from pilot.ir.endpoint import LoadAssignmentPlan
from pilot.ir.listener import ListenerPlan
from pilot.ir.route import RouteConfigPlan
from pilot.memo import Memo
from pilot.mesh.clusters.endpoints import plan_load_assignments
from pilot.mesh.clusters.outbound import plan_outbound_clusters
from pilot.mesh.context.proxy import Proxy
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import ListenerScope, OutboundScope, ProxyScope
from pilot.mesh.context.scoping import proxy_scope
from pilot.mesh.gateway.listeners import plan_gateway_listeners
from pilot.mesh.gateway.routes import plan_gateway_routes
from pilot.mesh.inbound.listeners import plan_inbound_clusters, plan_inbound_listeners
from pilot.mesh.outbound.dns import plan_dns_listener
from pilot.mesh.outbound.listeners import plan_outbound_listeners
from pilot.mesh.outbound.routes import plan_routes
from pilot.node.node_id import ProxyKind
from pilot.xds.resources import (
    CLUSTER,
    ENDPOINT,
    LISTENER,
    ROUTE,
    EncodedResource,
    ResourceSet,
    ResourceSnapshot,
    TypeUrl,
)


@dataclass(frozen=True, slots=True)
class OutboundSets:
    """Encoded clusters, load assignments and routes of one outbound scope."""

    clusters: tuple[EncodedResource, ...]
    endpoints: ResourceSet
    routes: ResourceSet


@dataclass(frozen=True, slots=True)
class GenerationCounters:
    """How often work was really done since the start; tests assert these numbers, ``/metrics`` shows them."""

    plans: int
    encodings: int
    sets: int


class Generator:
    """Generates for one context at a time; ``advance`` moves on to the next and keeps what is still true."""

    def __init__(self, context: PushContext) -> None:
        self._context = context
        self._plans, self._sets, self._cache = Memo(), Memo(), RenderCache()
        self._now = Memo()
        """What is asked of this context alone: the scope of a proxy, and what is generated for a scope."""

    @property
    def context(self) -> PushContext:
        """The context that is generated for."""
        return self._context

    @property
    def counters(self) -> GenerationCounters:
        """The work done so far."""
        return GenerationCounters(plans=self._plans.misses, encodings=self._cache.encodings, sets=self._sets.misses)

    def advance(self, context: PushContext) -> None:
        """Generate for ``context`` from now on."""
        self._context = context
        self._plans, self._sets = self._plans.successor(), self._sets.successor()
        self._cache.end_generation()
        self._now = Memo()

    def snapshot_of(self, proxy: Proxy) -> ResourceSnapshot:
        """All that ``proxy`` may receive: the same object for every proxy of an equal scope."""
        return self._now(self._generate, self._now(proxy_scope, self._context, proxy))

    def _generate(self, scope: ProxyScope) -> ResourceSnapshot:
        outbound = self._now(self._outbound_sets, scope.outbound)
        clusters, listeners = outbound.clusters, self._listeners(scope)
        if scope.inbound is not None:
            clusters += self._encode_clusters(plan_inbound_clusters(self._context, scope.inbound, self._plans))
        return self._sets(
            _snapshot, self._set(CLUSTER, clusters), outbound.endpoints, self._set(LISTENER, listeners), outbound.routes
        )

    def _outbound_sets(self, scope: OutboundScope) -> OutboundSets:
        plan = plan_gateway_routes if scope.kind is ProxyKind.GATEWAY else plan_routes
        cluster_plans = plan_outbound_clusters(self._context, scope, self._plans)
        assignments = plan_load_assignments(self._context, scope, cluster_plans, self._plans)
        routes = plan(self._context, scope, self._plans)
        return OutboundSets(
            clusters=self._encode_clusters(cluster_plans),
            endpoints=self._set(ENDPOINT, self._encode_assignments(assignments)),
            routes=self._set(ROUTE, self._encode_routes(routes)),
        )

    def _listeners(self, scope: ProxyScope) -> tuple[EncodedResource, ...]:
        listeners = self._now(self._listeners_outwards, scope.listeners)
        if scope.inbound is None:
            return listeners
        return self._encode_listeners(plan_inbound_listeners(self._context, scope.inbound, self._plans)) + listeners

    def _listeners_outwards(self, scope: ListenerScope) -> tuple[EncodedResource, ...]:
        """Outbound listeners, or a gateway's own."""
        plan = plan_gateway_listeners if scope.outbound.kind is ProxyKind.GATEWAY else plan_outbound_listeners
        plans: tuple[ListenerPlan, ...] = plan(self._context, scope, self._plans)
        if scope.dns_capture:
            plans += (plan_dns_listener(self._context, scope, self._plans),)
        return self._encode_listeners(plans)

    def _encode_clusters(self, plans: Iterable[ClusterPlan]) -> tuple[EncodedResource, ...]:
        return tuple(map(self._cache.cluster, plans))

    def _encode_assignments(self, plans: Iterable[LoadAssignmentPlan]) -> tuple[EncodedResource, ...]:
        return tuple(map(self._cache.load_assignment, plans))

    def _encode_routes(self, plans: Iterable[RouteConfigPlan]) -> tuple[EncodedResource, ...]:
        return tuple(map(self._cache.route_config, plans))

    def _encode_listeners(self, plans: Iterable[ListenerPlan]) -> tuple[EncodedResource, ...]:
        return tuple(map(self._cache.listener, plans))

    def _set(self, type_url: TypeUrl, resources: tuple[EncodedResource, ...]) -> ResourceSet:
        return self._sets(ResourceSet, type_url, resources)


def _snapshot(*sets: ResourceSet) -> ResourceSnapshot:
    return ResourceSnapshot(sets)
