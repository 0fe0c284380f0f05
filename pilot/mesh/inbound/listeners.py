"""Inbound listeners and clusters of sidecars: virtualInbound, or in mode NONE a bound listener for each port."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from citadel.ir import MtlsMode, PeerModes
from citadel.policy.peer import effective_modes, read_peer_policy
from galley.frozen import frozen
from galley.kinds.mesh_config import InboundTrafficPolicyMode
from galley.kinds.networking.destination_rule import ConnectionPoolSettings, HttpSettings, TcpSettings
from galley.kinds.networking.sidecar import Sidecar
from galley.kinds.security.peer_authentication import PeerAuthentication
from galley.kinds.values import UNIX_SCHEME
from galley.meta import Resource, ResourceKey
from pilot.ir.cluster import ClusterPlan, Discovery, LbPolicy, UpstreamProtocol
from pilot.ir.endpoint import EndpointPlan, LoadAssignmentPlan, LocalityPlan
from pilot.ir.listener import ChainMatchPlan, Direction, FilterChainPlan, ListenerFilter, TcpListenerPlan
from pilot.memo import Memo
from pilot.mesh.clusters.outbound import circuit_breakers
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import Certificates, InboundPort, InboundScope
from pilot.mesh.inbound.chains import InboundSettings, plan_passthrough_chains, plan_port_chains
from pilot.mesh.inbound.matches import TLS
from pilot.mesh.listener_settings import listener_settings
from pilot.mesh.naming import (
    BLACK_HOLE_CLUSTER,
    INBOUND_PASSTHROUGH_CLUSTER,
    VIRTUAL_INBOUND,
    inbound_cluster,
    listener_name,
)
from pilot.mesh.rules.tcp_routes import opaque_chain, single_cluster_proxy
from pilot.mesh.rules.traffic_policy import effective_policy
from pilot.node.locality import Locality
from pilot.node.metadata import Interception
from pilot.registry.catalog import Port, Protocol

NO_ORIGINS: tuple[ResourceKey, ...] = ()
PLAIN_TEXT_ONLY = PeerModes(mode=MtlsMode.DISABLE)
"""What workloads without identities accept."""

PASSTHROUGH_IDLE = timedelta(minutes=5)


def plan_inbound_listeners(context: PushContext, scope: InboundScope, memo: Memo) -> tuple[TcpListenerPlan, ...]:
    """virtualInbound with a chain for each captured port, then the bound listeners. In mode NONE only the latter."""
    settings = _settings(context, scope)
    captured = tuple(port for port in scope.ports if not port.bound)
    peers = _accepted(context, scope)
    listeners = tuple(memo(plan_bound_listener, port, settings, peers) for port in scope.ports if port.bound)
    if scope.interception is Interception.NONE:
        return listeners
    return (memo(plan_virtual_inbound, captured, settings, peers), *listeners)


def _accepted(context: PushContext, scope: InboundScope) -> PeerModes:
    """What the workload accepts: without a certificate of its own no mutual TLS, so that STRICT leaves nothing."""
    if context.mtls is None:
        return PLAIN_TEXT_ONLY
    peers = effective_modes(map(read_peer_policy, context.attached_to(scope.attached, PeerAuthentication)))
    return peers.without_certificate() if scope.certificates is Certificates.NONE else peers


def _settings(context: PushContext, scope: InboundScope) -> InboundSettings:
    return InboundSettings(
        wildcard="::" if scope.ipv6 else "0.0.0.0",
        listen_port=context.mesh.proxy_inbound_listen_port,
        transparent=scope.interception is Interception.TPROXY,
        dual_stack=scope.dual_stack,
        shared=listener_settings(context.mesh, accept_http_10=scope.accept_http_10),
        mtls=context.mtls_for(scope.certificates),
    )


def plan_virtual_inbound(
    ports: tuple[InboundPort, ...], settings: InboundSettings, peers: PeerModes = PLAIN_TEXT_ONLY
) -> TcpListenerPlan:
    """The listener that all inbound connections are redirected to; chains are chosen by the original port."""
    loop = opaque_chain(
        single_cluster_proxy(BLACK_HOLE_CLUSTER, settings.shared.access_log),
        ChainMatchPlan(destination_port=settings.listen_port),
        name=f"{VIRTUAL_INBOUND}-blackhole",
    )
    served: dict[int, tuple[FilterChainPlan, ...]] = {}
    for port in ports:
        served.setdefault(port.listen_port, plan_port_chains(port, settings, peers.at(port.listen_port)))
    # Ports of which policies speak and no service.
    for number, mode in peers.ports.items():
        if number not in served:
            served[number] = plan_passthrough_chains(settings, mode, number)
    others = plan_passthrough_chains(settings, peers.mode)
    chains = (loop, *others, *(chain for number in served for chain in served[number]))
    # TPROXY keeps the client's address, and so does the connection to the application.
    source = (ListenerFilter.ORIGINAL_SRC,) if settings.transparent else ()
    # Where none is terminated TLS stays unrecognized and passes as the bytes that it is.
    inspectors = (ListenerFilter.TLS_INSPECTOR,) if any(map(_is_tls, chains)) else ()
    return TcpListenerPlan(
        name=VIRTUAL_INBOUND,
        address=settings.wildcard,
        port=settings.listen_port,
        chains=chains,
        direction=Direction.INBOUND,
        listener_filters=(ListenerFilter.ORIGINAL_DST, *source, *inspectors, ListenerFilter.HTTP_INSPECTOR),
        http_inspector_excluded_ports=(settings.listen_port, *_ports_without(_is_sniffed_http, served)),
        tls_inspector_excluded_ports=(settings.listen_port, *_ports_without(_is_tls, served)) if inspectors else (),
        transparent=settings.transparent,
        dual_stack=settings.dual_stack,
        listener_filters_timeout=settings.shared.detection_timeout,
        continue_on_listener_filters_timeout=True,
        origins=_origins(ports, peers),
    )


def _is_tls(chain: FilterChainPlan) -> bool:
    """Whether a chain takes what the TLS inspector recognizes."""
    return chain.match.transport_protocol == TLS


def _is_sniffed_http(chain: FilterChainPlan) -> bool:
    """Whether a chain takes what the HTTP inspector recognizes."""
    return bool(chain.match.application_protocols) and not _is_tls(chain)


def _ports_without(
    wanted: Callable[[FilterChainPlan], bool], chains: Mapping[int, tuple[FilterChainPlan, ...]]
) -> tuple[int, ...]:
    return tuple(sorted(number for number, ends in chains.items() if not any(map(wanted, ends))))


def plan_bound_listener(
    port: InboundPort, settings: InboundSettings, peers: PeerModes = PLAIN_TEXT_ONLY
) -> TcpListenerPlan:
    """A listener with a socket of its own, to which peers connect."""
    chains, default = plan_port_chains(port, settings, peers.at(port.listen_port)), None
    if len(chains) > 1 and chains[-1].match.is_match_all:
        chains, default = chains[:-1], chains[-1]
    tls = (ListenerFilter.TLS_INSPECTOR,) if any(map(_is_tls, chains)) else ()
    http = (ListenerFilter.HTTP_INSPECTOR,) if any(map(_is_sniffed_http, chains)) else ()
    address = port.listen_address or settings.wildcard
    unix = address.startswith(UNIX_SCHEME)
    return TcpListenerPlan(
        name=address if unix else listener_name(address, port.listen_port),
        address=address,
        port=0 if unix else port.listen_port,
        chains=chains,
        direction=Direction.INBOUND,
        default_chain=default,
        listener_filters=(*tls, *http),
        listener_filters_timeout=settings.shared.detection_timeout if tls or http else timedelta(0),
        continue_on_listener_filters_timeout=True,
        origins=_origins((port,), peers),
    )


def _origins(ports: tuple[InboundPort, ...], peers: PeerModes) -> tuple[ResourceKey, ...]:
    return tuple(dict.fromkeys((*(origin for port in ports for origin in port.origins), *peers.origins)))


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
        discovery=Discovery.STATIC if address else Discovery.ORIGINAL_DST,
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
        discovery=Discovery.ORIGINAL_DST,
        connect_timeout=connect_timeout,
        lb_policy=LbPolicy.CLUSTER_PROVIDED,
        protocol=UpstreamProtocol.DOWNSTREAM,
        idle_timeout=PASSTHROUGH_IDLE,
        source_addresses=_passthrough_sources(ipv6, dual_stack),
    )
