"""DestinationRule: subsets of a service, and the policies for traffic to it (networking.istio.io)."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar

from galley.frozen import frozen
from galley.kinds.values import (
    ClientTlsSettings,
    Distribute,
    Failover,
    PortSelector,
    TcpKeepalive,
    WorkloadSelector,
    named,
    unsupported,
)
from galley.meta import NO_LABELS, Labels


class SimpleLb(StrEnum):
    """``loadBalancer.simple``; LEAST_CONN is the deprecated name of LEAST_REQUEST."""

    UNSPECIFIED = "UNSPECIFIED"
    LEAST_CONN = "LEAST_CONN"
    RANDOM = "RANDOM"
    PASSTHROUGH = "PASSTHROUGH"
    ROUND_ROBIN = "ROUND_ROBIN"
    LEAST_REQUEST = "LEAST_REQUEST"


@frozen
class RingHash:
    """Ketama ring."""

    minimum_ring_size: int = 0


@frozen
class MagLev:
    """Maglev table; ``table_size`` is a prime up to 5000011."""

    table_size: int = 0


@frozen
class HttpCookieAttribute:
    """An attribute of a generated cookie."""

    name: str = ""
    value: str = ""


@frozen
class HttpCookie:
    """Hash on a cookie; with ``ttl`` Envoy generates it when absent."""

    name: str = ""
    path: str = ""
    ttl: timedelta | None = None
    attributes: tuple[HttpCookieAttribute, ...] = ()


@frozen
class ConsistentHashLb:
    """Consistent hashing: one key, one algorithm."""

    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("http_header_name", "http_cookie", "use_source_ip", "http_query_parameter_name"),
        ("ring_hash", "maglev"),
    )
    http_header_name: str | None = None
    http_cookie: HttpCookie | None = None
    use_source_ip: bool | None = None
    http_query_parameter_name: str | None = None
    ring_hash: RingHash | None = None
    maglev: MagLev | None = None
    minimum_ring_size: int = 0


@frozen
class LocalityLbSetting:
    """Locality weights or failover between regions."""

    distribute: tuple[Distribute, ...] = ()
    failover: tuple[Failover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    enabled: bool | None = None


@frozen
class ZoneAwareLbSetting:
    """Envoy's zone-aware routing."""

    enabled: bool | None = None
    failover: tuple[Failover, ...] = ()
    failover_priority: tuple[str, ...] = ()
    min_cluster_size: int | None = None


@frozen
class Warmup:
    """Slow start of new endpoints."""

    duration: timedelta | None = None
    minimum_percent: float | None = None
    aggression: float | None = None


@frozen
class LoadBalancerSettings:
    """How an endpoint is chosen."""

    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (("simple", "consistent_hash", "backend_utilization"),)
    simple: SimpleLb | None = None
    consistent_hash: ConsistentHashLb | None = None
    backend_utilization: Any = unsupported(None, "requests are balanced by LEAST_REQUEST instead")
    locality_lb_setting: LocalityLbSetting | None = None
    zone_aware_lb_setting: ZoneAwareLbSetting | None = unsupported(None, "endpoints of all zones count alike")
    warmup_duration_secs: timedelta | None = None
    warmup: Warmup | None = None


@frozen
class TcpSettings:
    """Limits common to TCP and HTTP upstream connections; 0 and None mean unset."""

    max_connections: int = 0
    connect_timeout: timedelta | None = None
    tcp_keepalive: TcpKeepalive | None = None
    max_connection_duration: timedelta | None = None
    idle_timeout: timedelta | None = None


class H2UpgradePolicy(StrEnum):
    """Whether HTTP/1.1 is upgraded to HTTP/2 towards the upstream."""

    DEFAULT = "DEFAULT"
    DO_NOT_UPGRADE = "DO_NOT_UPGRADE"
    UPGRADE = "UPGRADE"


@frozen
class ConnectionKeepalive:
    """HTTP/2 PING keepalive."""

    interval: timedelta | None = None
    timeout: timedelta | None = None


@frozen
class HttpSettings:
    """Limits of HTTP upstream connections; 0 means unset."""

    http1_max_pending_requests: int = 0
    http2_max_requests: int = 0
    max_requests_per_connection: int = 0
    max_retries: int = 0
    idle_timeout: timedelta | None = None
    h2_upgrade_policy: H2UpgradePolicy = H2UpgradePolicy.DEFAULT
    use_client_protocol: bool = False
    max_concurrent_streams: int = 0
    http2_keep_alive: ConnectionKeepalive | None = None


@frozen
class ConnectionPoolSettings:
    """Connection pool: circuit breaker thresholds and timeouts."""

    tcp: TcpSettings | None = None
    http: HttpSettings | None = None


@frozen
class OutlierDetection:
    """Passive health checking; None means Envoy's default, 0 switches the detector off."""

    consecutive_errors: int = unsupported(0, "it is deprecated; use consecutive5xxErrors or consecutiveGatewayErrors")
    split_external_local_origin_errors: bool = False
    consecutive_local_origin_failures: int | None = None
    consecutive_gateway_errors: int | None = None
    consecutive_5xx_errors: int | None = named("consecutive5xxErrors", None)
    interval: timedelta | None = None
    base_ejection_time: timedelta | None = None
    max_ejection_percent: int = 0
    min_health_percent: int = 0
    outlier_detection_http_error_codes: tuple[int, ...] = unsupported((), "5xx codes count as errors")


@frozen
class PortTrafficPolicy:
    """Policy for one port; replaces the four blocks of the level above altogether."""

    port: PortSelector | None = None
    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTlsSettings | None = None


@frozen
class TunnelSettings:
    """Tunnel TCP in HTTP CONNECT or POST."""

    protocol: str = ""
    target_host: str = ""
    target_port: int = 0


class ProxyProtocolVersion(StrEnum):
    """Version of the PROXY protocol header."""

    V1 = "V1"
    V2 = "V2"


@frozen
class ProxyProtocol:
    """Send a PROXY protocol header to the upstream."""

    version: ProxyProtocolVersion = ProxyProtocolVersion.V1


@frozen
class RetryBudget:
    """Concurrent retries as a share of active requests."""

    percent: float | None = None
    min_retry_concurrency: int = 0
    budget_interval: timedelta | None = unsupported(None, "Envoy before 1.38 refuses it; requests under way count")


@frozen
class TrafficPolicy:
    """Load balancing, connection pool, outlier detection and TLS towards a service or a subset."""

    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetection | None = None
    tls: ClientTlsSettings | None = None
    port_level_settings: tuple[PortTrafficPolicy, ...] = ()
    tunnel: TunnelSettings | None = unsupported(None, "connections are not tunnelled")
    proxy_protocol: ProxyProtocol | None = unsupported(None, "no PROXY protocol header is sent")
    retry_budget: RetryBudget | None = None


@frozen
class Subset:
    """A named part of a service: the endpoints that carry ``labels``."""

    name: str = ""
    labels: Labels = NO_LABELS
    traffic_policy: TrafficPolicy | None = None


@frozen
class DestinationRule:
    """Policies for traffic to ``host``, applied after routing."""

    host: str = ""
    traffic_policy: TrafficPolicy | None = None
    subsets: tuple[Subset, ...] = ()
    export_to: tuple[str, ...] = ()
    workload_selector: WorkloadSelector | None = unsupported(None, "the rule applies to every client")
