"""Context and proxy in, encoded resources out: the whole translation as one pure function with a memory.

Work follows what changed: plans are remembered by their inputs, encodings by their plans, and finished sets by the
scope that they are for, so the thousandth replica of a workload costs a few dictionary look-ups.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from galley.frozen import frozen
from pilot.envoy.encoded import RenderCache
from pilot.ir.cluster import ClusterPlan
from pilot.ir.endpoint import LoadAssignmentPlan
from pilot.ir.listener import ListenerPlan
from pilot.ir.route import RouteConfigPlan
from pilot.mesh.clusters.endpoints import plan_load_assignments
from pilot.mesh.clusters.outbound import plan_outbound_clusters
from pilot.mesh.context.memo import Memo
from pilot.mesh.context.proxy import Proxy
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import InboundScope, ListenerScope, OutboundScope
from pilot.mesh.context.scoping import inbound_scope, listener_scope
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


@frozen
class ProxyScope:
    """Everything that decides what one proxy receives; proxies of an equal scope share one snapshot."""

    listeners: ListenerScope
    inbound: InboundScope | None


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
        self._memo = Memo()
        self._sets = Memo()
        self._cache = RenderCache()
        self._scopes: dict[Proxy, ProxyScope] = {}
        self._outbound: dict[OutboundScope, OutboundSets] = {}
        self._outbound_listeners: dict[ListenerScope, tuple[EncodedResource, ...]] = {}
        self._snapshots: dict[ProxyScope, ResourceSnapshot] = {}
        self._beside_agents: Generator | None = None

    @property
    def context(self) -> PushContext:
        return self._context

    @property
    def counters(self) -> GenerationCounters:
        others = self._beside_agents.counters if self._beside_agents else GenerationCounters(0, 0, 0)
        return GenerationCounters(
            plans=self._memo.misses + others.plans,
            encodings=self._cache.encodings + others.encodings,
            sets=self._sets.misses + others.sets,
        )

    def advance(self, context: PushContext) -> None:
        """Generate for ``context`` from now on."""
        self._context = context
        self._memo.advance()
        self._sets.advance()
        self._cache.end_generation()
        self._scopes.clear()
        self._outbound.clear()
        self._outbound_listeners.clear()
        self._snapshots.clear()
        if self._beside_agents is not None:
            self._beside_agents.advance(_for_agents(context))

    def snapshot_of(self, proxy: Proxy) -> ResourceSnapshot:
        """All that ``proxy`` may receive: the same object for every proxy of an equal scope."""
        mtls = self._context.mtls
        if proxy.has_agent and mtls is not None and not mtls.from_agent:
            return self._generator_beside_agents().snapshot_of(proxy)
        scope = self._scopes.get(proxy)
        if scope is None:
            scope = self._scopes[proxy] = proxy_scope(self._context, proxy)
        snapshot = self._snapshots.get(scope)
        if snapshot is None:
            snapshot = self._snapshots[scope] = self._generate(scope)
        return snapshot

    def _generator_beside_agents(self) -> Generator:
        """Nearly all clusters and listeners differ beside an agent, so that nothing is shared with other proxies."""
        if self._beside_agents is None:
            self._beside_agents = Generator(_for_agents(self._context))
        return self._beside_agents

    def _generate(self, scope: ProxyScope) -> ResourceSnapshot:
        outbound = self._outbound_sets(scope.listeners.outbound)
        clusters, listeners = outbound.clusters, self._listeners(scope)
        if scope.inbound is not None:
            clusters += self._encode_clusters(plan_inbound_clusters(self._context, scope.inbound, self._memo))
        return self._sets(
            _snapshot, self._set(CLUSTER, clusters), outbound.endpoints, self._set(LISTENER, listeners), outbound.routes
        )

    def _outbound_sets(self, scope: OutboundScope) -> OutboundSets:
        sets = self._outbound.get(scope)
        if sets is None:
            plan = plan_gateway_routes if scope.kind is ProxyKind.GATEWAY else plan_routes
            cluster_plans = plan_outbound_clusters(self._context, scope, self._memo)
            assignments = plan_load_assignments(self._context, scope, cluster_plans, self._memo)
            routes = plan(self._context, scope, self._memo)
            sets = self._outbound[scope] = OutboundSets(
                clusters=self._encode_clusters(cluster_plans),
                endpoints=self._set(ENDPOINT, self._encode_assignments(assignments)),
                routes=self._set(ROUTE, self._encode_routes(routes)),
            )
        return sets

    def _listeners(self, scope: ProxyScope) -> tuple[EncodedResource, ...]:
        listeners = self._listeners_outwards(scope.listeners)
        if scope.inbound is None:
            return listeners
        return self._encode_listeners(plan_inbound_listeners(self._context, scope.inbound, self._memo)) + listeners

    def _listeners_outwards(self, scope: ListenerScope) -> tuple[EncodedResource, ...]:
        """Outbound listeners, or a gateway's own."""
        listeners = self._outbound_listeners.get(scope)
        if listeners is None:
            plan = plan_gateway_listeners if scope.outbound.kind is ProxyKind.GATEWAY else plan_outbound_listeners
            plans: tuple[ListenerPlan, ...] = plan(self._context, scope, self._memo)
            if scope.dns_capture:
                plans += (plan_dns_listener(self._context, scope, self._memo),)
            listeners = self._encode_listeners(plans)
            self._outbound_listeners[scope] = listeners
        return listeners

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


def _for_agents(context: PushContext) -> PushContext:
    """The same, but that certificates come from agents."""
    return replace(context, mtls=replace(context.mtls, from_agent=True)) if context.mtls is not None else context


def proxy_scope(context: PushContext, proxy: Proxy) -> ProxyScope:
    """The scope of ``proxy``. Gateways have no inbound side."""
    return ProxyScope(
        listeners=listener_scope(context, proxy),
        inbound=None if proxy.kind is ProxyKind.GATEWAY else inbound_scope(context, proxy),
    )


def _snapshot(*sets: ResourceSet) -> ResourceSnapshot:
    return ResourceSnapshot(sets)
