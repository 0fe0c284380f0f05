"""Plan outbound clusters: one for each service, port and subset, and the well-known ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from citadel.ir import MeshClientTls, UpstreamTls
from galley.frozen import frozen
from galley.kinds.mesh_config import MeshConfig, MeshH2UpgradePolicy
from galley.kinds.networking.destination_rule import (
    ConnectionPoolSettings,
    H2UpgradePolicy,
    HttpSettings,
    LoadBalancerSettings,
    LocalityLbSetting,
    RetryBudget,
    SimpleLb,
    Subset,
    TcpSettings,
)
from galley.kinds.values import ClientTlsMode, TcpKeepalive
from galley.meta import ResourceKey
from pilot.ir.cluster import (
    SLOW_STARTS,
    UNLIMITED,
    CircuitBreakerPlan,
    ClusterPlan,
    DiscoveryType,
    LbPolicy,
    LoadAssignmentPlan,
    RetryBudgetPlan,
    SlowStartPlan,
    UpstreamProtocol,
)
from pilot.ir.proxy import ProxyPart
from pilot.memo import Memo
from pilot.mesh.clusters.endpoints import Selected, plan_assignment, plan_load_assignments
from pilot.mesh.clusters.localities import (
    Caller,
    LocalityRouting,
    caller_of,
    is_near_and_far,
    is_weighted,
    locality_routing,
)
from pilot.mesh.clusters.mutual_tls import MeshUpstream, ServicePeers, plan_mesh_tls, service_peers
from pilot.mesh.clusters.upstream_tls import upstream_tls
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import Certificates, OutboundScope
from pilot.mesh.naming import BLACK_HOLE_CLUSTER, PASSTHROUGH_CLUSTER, outbound_cluster
from pilot.mesh.rules.destination_rules import DestinationRuleInEffect
from pilot.mesh.rules.traffic_policy import EffectivePolicy, effective_policy
from pilot.node.metadata import Interception
from pilot.node.node_id import ProxyKind
from pilot.registry.catalog import Endpoint, Port, Protocol, Service, ServiceResolution

_RING_SIZE = 1024
"""The least size of a ring of which a DestinationRule says nothing (Istio)."""

_WARMUP_PERCENT, _WARMUP_AGGRESSION = 10.0, 1.0
_BUDGET_PERCENT, _BUDGET_CONCURRENCY = 20.0, 3
"""What a DestinationRule means by ``warmup`` and ``retryBudget`` where it does not say it (Istio)."""

_PASSTHROUGH_IDLE = timedelta(minutes=5)
_LB_POLICIES = {SimpleLb.ROUND_ROBIN: LbPolicy.ROUND_ROBIN, SimpleLb.RANDOM: LbPolicy.RANDOM}
_DNS = {
    ServiceResolution.DNS: DiscoveryType.STRICT_DNS,
    ServiceResolution.DNS_ROUND_ROBIN: DiscoveryType.LOGICAL_DNS,
}


@frozen
class ClusterDefaults:
    """All that clusters take from the mesh and from the kind of proxy."""

    connect_timeout: timedelta
    tcp_keepalive: TcpKeepalive | None
    h2_upgrade: bool
    dns_refresh_rate: timedelta
    gateway: bool
    redirected: bool
    """Whether connections have an original destination: those of redirected sidecars have."""
    identified: bool = True
    """Whether the proxy has a certificate to show, where others have."""
    localities: LocalityLbSetting = LocalityLbSetting()
    """How localities count for a service whose rule does not say it."""
    caller: Caller = Caller()
    """Where the client is; of a service whose localities are alike it is left out."""


def cluster_defaults(mesh: MeshConfig, scope: OutboundScope) -> ClusterDefaults:
    """The defaults for clusters of ``scope``."""
    gateway = scope.kind is ProxyKind.GATEWAY
    return ClusterDefaults(
        connect_timeout=mesh.connect_timeout,
        tcp_keepalive=mesh.tcp_keepalive,
        h2_upgrade=mesh.h2_upgrade_policy is MeshH2UpgradePolicy.UPGRADE,
        dns_refresh_rate=mesh.dns_refresh_rate,
        gateway=gateway,
        redirected=not gateway and scope.interception is not Interception.NONE,
        identified=scope.certificates is not Certificates.NONE,
        localities=mesh.locality_lb_setting,
    )


def plan_upstreams(context: PushContext, scope: OutboundScope, memo: Memo) -> ProxyPart:
    """All clusters of ``scope``, and the endpoints of those that learn them by EDS."""
    clusters = plan_outbound_clusters(context, scope, memo)
    return ProxyPart(clusters=clusters, load_assignments=plan_load_assignments(context, scope, clusters, memo))


def plan_outbound_clusters(context: PushContext, scope: OutboundScope, memo: Memo) -> tuple[ClusterPlan, ...]:
    """All clusters of ``scope``: its services', then BlackHoleCluster and (sidecars) PassthroughCluster."""
    defaults = cluster_defaults(context.mesh, scope)
    near = replace(defaults, caller=caller_of(scope))
    visible = context.visible_services(scope)
    plans: list[ClusterPlan] = []
    for service in (*visible.services, *visible.extra):
        if service.resolution is not ServiceResolution.ALIAS:
            rule = context.destination_rule(scope, service)
            inline = _inline_endpoints(context, service)
            peers = service_peers(context, scope, service, memo)
            own = near if inline and is_near_and_far(rule, defaults.localities) else defaults
            plans += memo(plan_service_clusters, service, rule, own, inline, peers)
    plans += memo(plan_well_known_clusters, defaults)
    return tuple(plans)


def _inline_endpoints(context: PushContext, service: Service) -> tuple[tuple[Endpoint, ...], ...]:
    """The endpoints, port by port, of a service whose clusters carry them inline; nothing for EDS."""
    if service.resolution not in _DNS:
        return ()
    return tuple(context.catalog.endpoints_of(service.key, port.name) for port in service.ports)


def plan_well_known_clusters(defaults: ClusterDefaults) -> tuple[ClusterPlan, ...]:
    """Where blocked traffic ends, and (never on gateways) where traffic goes on to its original destination."""
    black_hole = ClusterPlan(
        name=BLACK_HOLE_CLUSTER, discovery=DiscoveryType.STATIC, connect_timeout=defaults.connect_timeout
    )
    if defaults.gateway:
        return (black_hole,)
    passthrough = ClusterPlan(
        name=PASSTHROUGH_CLUSTER,
        discovery=DiscoveryType.ORIGINAL_DST,
        connect_timeout=defaults.connect_timeout,
        lb_policy=LbPolicy.CLUSTER_PROVIDED,
        protocol=UpstreamProtocol.DOWNSTREAM,
        idle_timeout=_PASSTHROUGH_IDLE,
    )
    return (black_hole, passthrough)


def plan_service_clusters(
    service: Service,
    rule: DestinationRuleInEffect | None,
    defaults: ClusterDefaults,
    inline: tuple[tuple[Endpoint, ...], ...],
    peers: ServicePeers | None = None,
) -> tuple[ClusterPlan, ...]:
    """The clusters of one service: for each port the whole service, then its subsets."""
    subsets = (WHOLE_SERVICE, *(rule.subsets if rule else ()))
    targets = [
        _Target(service, port, index, subset, rule, inline[index] if inline else (), peers)
        for index, port in enumerate(service.ports)
        for subset in subsets
    ]
    return tuple(_plan_cluster(target, defaults) for target in targets)


WHOLE_SERVICE = Subset()
"""The subset without a name and labels: every endpoint."""


@dataclass(frozen=True, slots=True)
class _Target:
    """What one cluster is about."""

    service: Service
    port: Port
    port_index: int
    subset: Subset
    rule: DestinationRuleInEffect | None
    inline: tuple[Endpoint, ...]
    peers: ServicePeers | None

    @property
    def name(self) -> str:
        return outbound_cluster(port=self.port.number, host=self.service.hostname, subset=self.subset.name)

    @property
    def origins(self) -> tuple[ResourceKey, ...]:
        return self.service.origins + (self.rule.origins if self.rule else ())


def _plan_cluster(target: _Target, defaults: ClusterDefaults) -> ClusterPlan:
    service, port = target.service, target.port
    policy = effective_policy(target.rule, port, target.subset.name)
    if not defaults.identified and policy.tls is not None and policy.tls.mode is ClientTlsMode.ISTIO_MUTUAL:
        return _plan_closed_cluster(target, defaults)
    discovery = _discovery(target, policy, defaults)
    original = discovery is DiscoveryType.ORIGINAL_DST
    pool = policy.connection_pool or ConnectionPoolSettings()
    tcp, http = pool.tcp or TcpSettings(), pool.http or HttpSettings()
    protocol = upstream_protocol(port.protocol, http, defaults)
    is_http2 = protocol is UpstreamProtocol.HTTP2
    tls, by_endpoint = _tls(target, policy, protocol, original_destination=original)
    routing = locality_routing(policy, defaults.localities, defaults.caller)
    inline = _inline_assignment(target, routing, by_endpoint=by_endpoint)
    assignment = inline if discovery in _DNS.values() else None
    lb_policy, table_size = (LbPolicy.CLUSTER_PROVIDED, 0) if original else _lb_policy(policy)
    shifted = service.target_port(port.number) if original else port.number
    return ClusterPlan(
        name=target.name,
        discovery=_supported(discovery, assignment),
        connect_timeout=tcp.connect_timeout or defaults.connect_timeout,
        load_assignment=assignment,
        lb_policy=lb_policy,
        locality_weighted=is_weighted(policy, defaults.localities),
        hash_table_size=table_size,
        slow_start=_slow_start(policy) if lb_policy in SLOW_STARTS else None,
        protocol=protocol,
        circuit_breakers=replace(circuit_breakers(pool), retry_budget=_retry_budget(policy.retry_budget)),
        outlier_detection=policy.outlier_detection,
        tcp_keepalive=_keepalive(defaults.tcp_keepalive, tcp.tcp_keepalive),
        idle_timeout=http.idle_timeout or tcp.idle_timeout,
        max_connection_duration=tcp.max_connection_duration,
        max_requests_per_connection=http.max_requests_per_connection,
        max_concurrent_streams=http.max_concurrent_streams if is_http2 else 0,
        http2_keepalive=http.http2_keep_alive if is_http2 else None,
        tls=tls,
        tls_by_endpoint=by_endpoint,
        dns_refresh_rate=defaults.dns_refresh_rate if assignment else None,
        original_dst_port=shifted if shifted != port.number else 0,
        service_host=service.hostname,
        service_namespace=service.namespace,
        service_port=port.number,
        subset=target.subset.name,
        destination_rule=target.rule.key if target.rule else None,
        origins=target.origins,
    )


def _plan_closed_cluster(target: _Target, defaults: ClusterDefaults) -> ClusterPlan:
    """A cluster without endpoints: its rule asks for a certificate that the proxy has not, and plain text is no
    substitute."""
    return ClusterPlan(
        name=target.name,
        discovery=DiscoveryType.STATIC,
        connect_timeout=defaults.connect_timeout,
        service_host=target.service.hostname,
        service_namespace=target.service.namespace,
        service_port=target.port.number,
        subset=target.subset.name,
        destination_rule=target.rule.key if target.rule else None,
        origins=target.origins,
    )


def _discovery(target: _Target, policy: EffectivePolicy, defaults: ClusterDefaults) -> DiscoveryType:
    """How endpoints are found. Original destinations exist only behind redirection: gateways and unredirected
    sidecars use EDS instead."""
    service = target.service
    simple = policy.load_balancer.simple if policy.load_balancer else None
    wants_original = service.resolution is ServiceResolution.PASSTHROUGH or simple is SimpleLb.PASSTHROUGH
    if wants_original and defaults.redirected:
        return DiscoveryType.ORIGINAL_DST
    return _DNS.get(service.resolution, DiscoveryType.EDS)


def _inline_assignment(target: _Target, routing: LocalityRouting | None, *, by_endpoint: bool) -> LoadAssignmentPlan:
    """The endpoints where Envoy resolves names."""
    policies = target.peers.policies if target.peers is not None and by_endpoint else None
    selected = Selected(target.inline, target.subset.labels, routing)
    return plan_assignment(target.name, selected, target.service.origins, policies)


def _supported(discovery: DiscoveryType, assignment: LoadAssignmentPlan | None) -> DiscoveryType:
    """Envoy refuses LOGICAL_DNS unless there is exactly one endpoint; otherwise all of them are resolved."""
    if discovery is DiscoveryType.LOGICAL_DNS and (assignment is None or assignment.size != 1):
        return DiscoveryType.STRICT_DNS
    return discovery


def _tls(
    target: _Target, policy: EffectivePolicy, protocol: UpstreamProtocol, *, original_destination: bool
) -> tuple[UpstreamTls | MeshClientTls | None, bool]:
    """What a DestinationRule says, else mutual TLS by itself; and whether that is only for some endpoints."""
    service, settings = target.service, policy.tls
    if target.peers is not None and (settings is None or settings.mode is ClientTlsMode.ISTIO_MUTUAL):
        upstream = MeshUpstream(
            service,
            target.port,
            target.port_index,
            target.subset.name,
            protocol,
            original_destination=original_destination,
        )
        return plan_mesh_tls(target.peers, upstream, settings)
    if settings is None:
        return None, False
    return upstream_tls(settings, service.subject_alt_names, http2=protocol is UpstreamProtocol.HTTP2), False


def _lb_policy(policy: EffectivePolicy) -> tuple[LbPolicy, int]:
    """How an endpoint is chosen, and the size of the table of a policy that hashes."""
    balancer = policy.load_balancer or LoadBalancerSettings()
    hashing = balancer.consistent_hash
    if hashing is None:
        return _LB_POLICIES.get(balancer.simple or SimpleLb.UNSPECIFIED, LbPolicy.LEAST_REQUEST), 0
    if hashing.maglev is not None:
        return LbPolicy.MAGLEV, hashing.maglev.table_size
    ring = hashing.ring_hash.minimum_ring_size if hashing.ring_hash is not None else hashing.minimum_ring_size
    return LbPolicy.RING_HASH, ring or _RING_SIZE


def _slow_start(policy: EffectivePolicy) -> SlowStartPlan | None:
    """Warm-up. Its older form leaves to Envoy what it does not say."""
    balancer = policy.load_balancer or LoadBalancerSettings()
    warmup = balancer.warmup
    if warmup is not None and warmup.duration is not None:
        percent = _WARMUP_PERCENT if warmup.minimum_percent is None else warmup.minimum_percent
        aggression = _WARMUP_AGGRESSION if warmup.aggression is None else warmup.aggression
        return SlowStartPlan(warmup.duration, percent, aggression)
    return SlowStartPlan(balancer.warmup_duration_secs) if balancer.warmup_duration_secs else None


def _retry_budget(budget: RetryBudget | None) -> RetryBudgetPlan | None:
    if budget is None:
        return None
    percent = _BUDGET_PERCENT if budget.percent is None else budget.percent
    return RetryBudgetPlan(percent, budget.min_retry_concurrency or _BUDGET_CONCURRENCY)


def upstream_protocol(protocol: Protocol, http: HttpSettings, defaults: ClusterDefaults) -> UpstreamProtocol:
    """What a cluster speaks: an asked-for upgrade first, then the client's protocol if asked for, then the port's."""
    upgrade = http.h2_upgrade_policy
    mesh_upgrades = defaults.h2_upgrade and upgrade is H2UpgradePolicy.DEFAULT and protocol.is_http
    if upgrade is H2UpgradePolicy.UPGRADE or mesh_upgrades:
        return UpstreamProtocol.HTTP2
    if http.use_client_protocol:
        return UpstreamProtocol.DOWNSTREAM
    if protocol.is_http2:
        return UpstreamProtocol.HTTP2
    if protocol is Protocol.AUTO and not defaults.gateway:
        return UpstreamProtocol.DOWNSTREAM
    return UpstreamProtocol.HTTP1


def circuit_breakers(pool: ConnectionPoolSettings | None) -> CircuitBreakerPlan:
    """The thresholds of a connection pool; what is 0 or unset is unlimited."""
    tcp = (pool.tcp if pool else None) or TcpSettings()
    http = (pool.http if pool else None) or HttpSettings()
    return CircuitBreakerPlan(
        max_connections=tcp.max_connections or UNLIMITED,
        max_pending_requests=http.http1_max_pending_requests or UNLIMITED,
        max_requests=http.http2_max_requests or UNLIMITED,
        max_retries=http.max_retries or UNLIMITED,
    )


def _keepalive(mesh: TcpKeepalive | None, rule: TcpKeepalive | None) -> TcpKeepalive | None:
    """The mesh's keepalive with the rule's fields over it."""
    if mesh is None or rule is None:
        return rule or mesh
    return TcpKeepalive(
        probes=rule.probes or mesh.probes,
        time=rule.time or mesh.time,
        interval=rule.interval or mesh.interval,
    )
