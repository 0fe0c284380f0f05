"""Clusters."""

from __future__ import annotations

from envoy_data_plane.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    CircuitBreakersThresholdsRetryBudget,
    Cluster,
    ClusterCommonLbConfig,
    ClusterCommonLbConfigLocalityWeightedLbConfig,
    ClusterDiscoveryType,
    ClusterDnsLookupFamily,
    ClusterEdsClusterConfig,
    ClusterLbPolicy,
    ClusterLeastRequestLbConfig,
    ClusterMaglevLbConfig,
    ClusterOriginalDstLbConfig,
    ClusterRingHashLbConfig,
    ClusterRoundRobinLbConfig,
    ClusterSlowStartConfig,
    ClusterTransportSocketMatch,
    OutlierDetection,
    UpstreamConnectionOptions,
)
from envoy_data_plane.envoy.config.core.v3 import BindConfig, ExtraSourceAddress, RuntimeDouble
from envoy_data_plane.envoy.config.core.v3 import Metadata as MetadataMessage
from envoy_data_plane.envoy.config.core.v3 import TcpKeepalive as TcpKeepaliveMessage
from envoy_data_plane.envoy.type.v3 import Percent

from citadel.envoy.mesh_tls import plain_text_socket
from citadel.envoy.tls import upstream_tls_socket
from envoycodec.construct import maker
from envoycodec.encode import pack
from envoycodec.wellknown import struct
from galley.kinds.networking.destination_rule import OutlierDetection as OutlierDetectionRule
from galley.kinds.values import TcpKeepalive
from pilot.envoy.core import ads, render_socket_address
from pilot.envoy.endpoint import MUTUAL_TLS, render_load_assignment
from pilot.envoy.metadata import config_path, render_istio_metadata
from pilot.envoy.upstream_http import HTTP_PROTOCOL_OPTIONS, render_http_protocol_options
from pilot.ir.cluster import CircuitBreakerPlan, ClusterPlan, DiscoveryType, LbPolicy, SlowStartPlan

_cluster = maker(Cluster)
_eds_cluster_config = maker(ClusterEdsClusterConfig)
_original_dst_lb_config = maker(ClusterOriginalDstLbConfig)
_common_lb_config = maker(ClusterCommonLbConfig)
_retry_budget = maker(CircuitBreakersThresholdsRetryBudget)
_slow_start_config = maker(ClusterSlowStartConfig)
_least_request_lb_config = maker(ClusterLeastRequestLbConfig)
_round_robin_lb_config = maker(ClusterRoundRobinLbConfig)
_runtime_double = maker(RuntimeDouble)
_ring_hash_lb_config = maker(ClusterRingHashLbConfig)
_maglev_lb_config = maker(ClusterMaglevLbConfig)
_locality_weighted_lb_config = maker(ClusterCommonLbConfigLocalityWeightedLbConfig)
_circuit_breakers = maker(CircuitBreakers)
_thresholds = maker(CircuitBreakersThresholds)
_outlier_detection = maker(OutlierDetection)
_upstream_connection_options = maker(UpstreamConnectionOptions)
_tcp_keepalive = maker(TcpKeepaliveMessage)
_bind_config = maker(BindConfig)
_extra_source_address = maker(ExtraSourceAddress)
_percent = maker(Percent)
_socket_match = maker(ClusterTransportSocketMatch)

_DISCOVERY = {kind: ClusterDiscoveryType[kind.value] for kind in DiscoveryType}
_LB_POLICIES = {policy: ClusterLbPolicy[policy.value] for policy in LbPolicy}
_AGGRESSION_KEY = "("
"""Istio's. Envoy wants a key of its runtime, by which the value could be changed."""
_DNS = (DiscoveryType.STRICT_DNS, DiscoveryType.LOGICAL_DNS)


def render_cluster(plan: ClusterPlan) -> Cluster:
    """A cluster, with its endpoints where it says them itself."""
    outliers, options = plan.outlier_detection, render_http_protocol_options(plan)
    cluster = _cluster(
        name=plan.name,
        type=_DISCOVERY[plan.discovery],
        connect_timeout=plan.connect_timeout,
        lb_policy=_LB_POLICIES[plan.lb_policy],
        circuit_breakers=_render_circuit_breakers(plan.circuit_breakers),
        outlier_detection=_render_outlier_detection(outliers) if outliers is not None else None,
        common_lb_config=_render_common_lb_config(plan),
        upstream_connection_options=_render_connection_options(plan.tcp_keepalive),
        metadata=_render_metadata(plan),
    )
    if options is not None:
        cluster.typed_extension_protocol_options = {HTTP_PROTOCOL_OPTIONS: pack(options)}
    if plan.source_addresses:
        cluster.upstream_bind_config = _render_bind_config(plan.source_addresses)
    _add_load_balancer(cluster, plan)
    _add_transport_socket(cluster, plan)
    _add_endpoints(cluster, plan)
    return cluster


def _render_common_lb_config(plan: ClusterPlan) -> ClusterCommonLbConfig | None:
    outliers = plan.outlier_detection
    if outliers is None and not plan.locality_weighted:
        return None
    return _common_lb_config(
        # Whoever ejects endpoints does not want traffic to go back to them: Istio switches panic routing off.
        healthy_panic_threshold=_percent(value=float(outliers.min_health_percent)) if outliers is not None else None,
        locality_weighted_lb_config=_locality_weighted_lb_config() if plan.locality_weighted else None,
    )


def _add_load_balancer(cluster: Cluster, plan: ClusterPlan) -> None:
    """The settings of the policy that is chosen."""
    if plan.lb_policy is LbPolicy.RING_HASH:
        cluster.ring_hash_lb_config = _ring_hash_lb_config(minimum_ring_size=plan.hash_table_size)
    elif plan.lb_policy is LbPolicy.MAGLEV:
        cluster.maglev_lb_config = _maglev_lb_config(table_size=plan.hash_table_size)
    elif plan.slow_start is not None:
        slow_start = _render_slow_start(plan.slow_start)
        if plan.lb_policy is LbPolicy.ROUND_ROBIN:
            cluster.round_robin_lb_config = _round_robin_lb_config(slow_start_config=slow_start)
        else:
            cluster.least_request_lb_config = _least_request_lb_config(slow_start_config=slow_start)


def _render_slow_start(plan: SlowStartPlan) -> ClusterSlowStartConfig:
    aggression = None
    if plan.aggression is not None:
        aggression = _runtime_double(default_value=plan.aggression, runtime_key=_AGGRESSION_KEY)
    return _slow_start_config(
        slow_start_window=plan.window,
        aggression=aggression,
        min_weight_percent=_percent(value=plan.min_percent) if plan.min_percent is not None else None,
    )


def _render_bind_config(addresses: tuple[str, ...]) -> BindConfig:
    first, *others = (render_socket_address(address, 0) for address in addresses)
    return _bind_config(
        source_address=first, extra_source_addresses=[_extra_source_address(address=other) for other in others]
    )


def _add_transport_socket(cluster: Cluster, plan: ClusterPlan) -> None:
    """TLS for all endpoints, or for those that say so in their metadata and plain text for the others."""
    if plan.tls is None:
        return
    socket = upstream_tls_socket(plan.tls)
    if not plan.tls_by_endpoint:
        cluster.transport_socket = socket
        return
    cluster.transport_socket_matches = [
        _socket_match(name="tlsMode-istio", match=struct(MUTUAL_TLS), transport_socket=socket),
        _socket_match(name="tlsMode-disabled", match=struct({}), transport_socket=plain_text_socket()),
    ]


def _add_endpoints(cluster: Cluster, plan: ClusterPlan) -> None:
    if plan.discovery is DiscoveryType.EDS:
        cluster.eds_cluster_config = _eds_cluster_config(eds_config=ads(), service_name=plan.name)
    if plan.discovery is DiscoveryType.ORIGINAL_DST and plan.original_dst_port:
        cluster.original_dst_lb_config = _original_dst_lb_config(upstream_port_override=plan.original_dst_port)
    if plan.load_assignment is not None:
        cluster.load_assignment = render_load_assignment(plan.load_assignment)
    if plan.discovery in _DNS:
        # A host that has IPv6 addresses too must be reachable from where there is IPv4 only.
        cluster.dns_lookup_family = ClusterDnsLookupFamily.V4_PREFERRED
        cluster.dns_refresh_rate = plan.dns_refresh_rate
        cluster.respect_dns_ttl = True


def _render_circuit_breakers(plan: CircuitBreakerPlan) -> CircuitBreakers:
    thresholds = _thresholds(
        max_connections=plan.max_connections,
        max_pending_requests=plan.max_pending_requests,
        max_requests=plan.max_requests,
        max_retries=plan.max_retries,
        retry_budget=_retry_budget(
            budget_percent=_percent(value=plan.retry_budget.percent),
            min_retry_concurrency=plan.retry_budget.min_concurrency,
        )
        if plan.retry_budget is not None
        else None,
    )
    return _circuit_breakers(thresholds=[thresholds])


def _render_outlier_detection(rule: OutlierDetectionRule) -> OutlierDetection:
    """A detector is enforced when its count is given, and switched off by 0. Success rates never eject."""
    detection = _outlier_detection(
        interval=rule.interval,
        base_ejection_time=rule.base_ejection_time,
        max_ejection_percent=rule.max_ejection_percent or None,
        enforcing_success_rate=0,
        split_external_local_origin_errors=rule.split_external_local_origin_errors,
    )
    if rule.consecutive_5xx_errors is not None:
        detection.consecutive_5xx, detection.enforcing_consecutive_5xx = _detector(rule.consecutive_5xx_errors)
    if rule.consecutive_gateway_errors is not None:
        count, enforcing = _detector(rule.consecutive_gateway_errors)
        detection.consecutive_gateway_failure, detection.enforcing_consecutive_gateway_failure = count, enforcing
    if rule.split_external_local_origin_errors:
        detection.enforcing_local_origin_success_rate = 0
        if rule.consecutive_local_origin_failures:
            detection.consecutive_local_origin_failure = rule.consecutive_local_origin_failures
            detection.enforcing_consecutive_local_origin_failure = 100
    return detection


def _detector(count: int) -> tuple[int | None, int]:
    """The count, none for 0, and how much of what it detects is enforced, in percent."""
    return (count, 100) if count else (None, 0)


def _render_connection_options(keepalive: TcpKeepalive | None) -> UpstreamConnectionOptions | None:
    if keepalive is None:
        return None
    settings = _tcp_keepalive(
        keepalive_probes=keepalive.probes or None,
        keepalive_time=max(1, int(keepalive.time.total_seconds())) if keepalive.time else None,
        keepalive_interval=max(1, int(keepalive.interval.total_seconds())) if keepalive.interval else None,
    )
    return _upstream_connection_options(tcp_keepalive=settings)


def _render_metadata(plan: ClusterPlan) -> MetadataMessage | None:
    host, namespace = plan.service_host, plan.service_namespace
    # A Kubernetes service is called by the first label of its host, any other by its whole host.
    name = host.split(".", 1)[0] if f".{namespace}.svc." in host else host
    services = [{"host": host, "name": name, "namespace": namespace}] if host else []
    return render_istio_metadata(
        {"config": config_path(plan.destination_rule), "services": services, "subset": plan.subset}
    )
