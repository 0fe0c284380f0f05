"""Inbound clusters of sidecars: how a workload's proxy reaches its own application."""

from __future__ import annotations

from datetime import timedelta

from galley.frozen import frozen
from galley.kinds.mesh_config import InboundTrafficPolicyMode
from galley.kinds.networking.destination_rule import ConnectionPoolSettings, HttpSettings, TcpSettings
from galley.kinds.networking.sidecar import Sidecar
from galley.meta import Resource, ResourceKey
from pilot.ir.cluster import (
    ClusterPlan,
    DiscoveryType,
    EndpointPlan,
    LbPolicy,
    LoadAssignmentPlan,
    LocalityPlan,
    UpstreamProtocol,
)
from pilot.memo import Memo
from pilot.mesh.clusters.outbound import circuit_breakers
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import InboundPort, InboundScope
from pilot.mesh.naming import INBOUND_PASSTHROUGH_CLUSTER, inbound_cluster
from pilot.mesh.rules.traffic_policy import effective_policy
from pilot.node.locality import Locality
from pilot.node.metadata import Interception
from pilot.registry.catalog import Port, Protocol

NO_ORIGINS: tuple[ResourceKey, ...] = ()
PASSTHROUGH_IDLE = timedelta(minutes=5)


@frozen
class InboundUpstream:
    """How a workload's proxy reaches its own application, besides the port itself."""

    connect_timeout: timedelta
    localhost: bool = False
    ipv6: bool = False
    dual_stack: bool = False
    pool: ConnectionPoolSettings | None = None
    policy_origins: tuple[ResourceKey, ...] = ()


def plan_inbound_clusters(context: PushContext, scope: InboundScope, memo: Memo) -> tuple[ClusterPlan, ...]:
    """A cluster for each port of the workload; behind redirection also InboundPassthroughCluster."""
    sidecar = context.sidecar_of(scope.attached)
    plans = [memo(plan_inbound_cluster, port, _upstream(context, scope, port, sidecar)) for port in scope.ports]
    if scope.interception is not Interception.NONE:
        plans.append(memo(plan_inbound_passthrough_cluster, context.mesh.connect_timeout, scope.ipv6, scope.dual_stack))
    by_name: dict[str, ClusterPlan] = {}
    for plan in plans:  # one port bound at two addresses has one application
        by_name.setdefault(plan.name, plan)
    return tuple(by_name.values())


def _upstream(
    context: PushContext, scope: InboundScope, port: InboundPort, sidecar: Resource[Sidecar] | None
) -> InboundUpstream:
    """The connection limits are those of the Sidecar's listener, else the Sidecar's, else the clients' own: the
    DestinationRule of the service is obeyed on both ends."""
    mesh = context.mesh
    pool = _sidecar_pool(sidecar.spec, port) if sidecar is not None else None
    origins = (sidecar.key,) if sidecar is not None else NO_ORIGINS
    if pool is None:
        rule = context.policies.in_effect(scope.namespace, port.service_host, scope.namespace)
        service_port = Port(number=port.service_port, name="", protocol=Protocol(port.protocol))
        pool = effective_policy(rule, service_port).connection_pool
        origins = rule.origins if rule is not None and pool is not None else NO_ORIGINS
    return InboundUpstream(
        connect_timeout=mesh.connect_timeout,
        localhost=mesh.inbound_traffic_policy.mode is InboundTrafficPolicyMode.LOCALHOST,
        ipv6=scope.ipv6,
        dual_stack=scope.dual_stack,
        pool=pool,
        policy_origins=origins,
    )


def _sidecar_pool(sidecar: Sidecar, port: InboundPort) -> ConnectionPoolSettings | None:
    own = (one.connection_pool for one in sidecar.ingress if one.port and one.port.number == port.listen_port)
    return next((pool for pool in own if pool is not None), sidecar.inbound_connection_pool)


def plan_inbound_cluster(port: InboundPort, upstream: InboundUpstream) -> ClusterPlan:
    """The application behind one port: at the connection's original destination, or at a known address."""
    name = inbound_cluster(port.listen_port)
    loopback = "::1" if upstream.ipv6 else "127.0.0.1"
    address, app_port = port.app_address, port.app_port
    if not address and (port.bound or upstream.localhost):  # a bound listener's connections have no other destination
        address, app_port = loopback, port.app_port or port.listen_port
    protocol = Protocol(port.protocol)
    tcp = (upstream.pool.tcp if upstream.pool else None) or TcpSettings()
    http = (upstream.pool.http if upstream.pool else None) or HttpSettings()
    return ClusterPlan(
        name=name,
        discovery=DiscoveryType.STATIC if address else DiscoveryType.ORIGINAL_DST,
        connect_timeout=tcp.connect_timeout or upstream.connect_timeout,
        load_assignment=_at(name, address, app_port) if address else None,
        lb_policy=LbPolicy.LEAST_REQUEST if address else LbPolicy.CLUSTER_PROVIDED,
        protocol=_protocol(protocol),
        circuit_breakers=circuit_breakers(upstream.pool),
        tcp_keepalive=tcp.tcp_keepalive,
        idle_timeout=http.idle_timeout or tcp.idle_timeout,
        max_connection_duration=tcp.max_connection_duration,
        max_requests_per_connection=http.max_requests_per_connection,
        max_concurrent_streams=http.max_concurrent_streams if protocol.is_http2 else 0,
        http2_keepalive=http.http2_keep_alive if protocol.is_http2 else None,
        source_addresses=() if address else _passthrough_sources(upstream.ipv6, upstream.dual_stack),
        service_host=port.service_host,
        service_port=port.service_port,
        origins=tuple(dict.fromkeys((*port.origins, *upstream.policy_origins))),
    )


def _protocol(protocol: Protocol) -> UpstreamProtocol:
    if protocol.is_http2:
        return UpstreamProtocol.HTTP2
    return UpstreamProtocol.DOWNSTREAM if protocol is Protocol.AUTO else UpstreamProtocol.HTTP1


def _at(name: str, address: str, port: int) -> LoadAssignmentPlan:
    endpoint = EndpointPlan(address=address, port=port)
    return LoadAssignmentPlan(cluster_name=name, localities=(LocalityPlan(locality=Locality(), endpoints=(endpoint,)),))


def _passthrough_sources(ipv6: bool, dual_stack: bool) -> tuple[str, ...]:
    """Connections from these addresses are let through by the redirection rules, so they do not come back."""
    if dual_stack:
        return ("127.0.0.6", "::6")
    return ("::6",) if ipv6 else ("127.0.0.6",)


def plan_inbound_passthrough_cluster(connect_timeout: timedelta, ipv6: bool, dual_stack: bool = False) -> ClusterPlan:
    """Where inbound connections go that no service is known for: on to their original destination."""
    return ClusterPlan(
        name=INBOUND_PASSTHROUGH_CLUSTER,
        discovery=DiscoveryType.ORIGINAL_DST,
        connect_timeout=connect_timeout,
        lb_policy=LbPolicy.CLUSTER_PROVIDED,
        protocol=UpstreamProtocol.DOWNSTREAM,
        idle_timeout=PASSTHROUGH_IDLE,
        source_addresses=_passthrough_sources(ipv6, dual_stack),
    )
