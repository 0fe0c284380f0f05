"""Plans of clusters."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from citadel.ir import MeshClientTls, UpstreamTls
from galley.frozen import frozen
from galley.kinds.networking.destination_rule import ConnectionKeepalive, OutlierDetection
from galley.kinds.values import TcpKeepalive
from galley.meta import ResourceKey
from pilot.ir.endpoint import LoadAssignmentPlan

UNLIMITED = 2**32 - 1


class Discovery(StrEnum):
    """Envoy's cluster discovery types."""

    EDS = "EDS"
    STATIC = "STATIC"
    STRICT_DNS = "STRICT_DNS"
    LOGICAL_DNS = "LOGICAL_DNS"
    ORIGINAL_DST = "ORIGINAL_DST"


class LbPolicy(StrEnum):
    """Envoy's load balancing policies that Istio's API reaches."""

    LEAST_REQUEST = "LEAST_REQUEST"
    ROUND_ROBIN = "ROUND_ROBIN"
    RANDOM = "RANDOM"
    CLUSTER_PROVIDED = "CLUSTER_PROVIDED"


class UpstreamProtocol(StrEnum):
    """What a cluster speaks: HTTP/1.1 (also for opaque TCP), HTTP/2, or what the client spoke."""

    HTTP1 = "HTTP1"
    HTTP2 = "HTTP2"
    DOWNSTREAM = "DOWNSTREAM"


@frozen
class CircuitBreakerPlan:
    """Thresholds per client proxy; Istio's default is "no limit"."""

    max_connections: int = UNLIMITED
    max_pending_requests: int = UNLIMITED
    max_requests: int = UNLIMITED
    max_retries: int = UNLIMITED


@frozen
class ClusterPlan:
    """One cluster, everything resolved.

    ``load_assignment`` is inline for STATIC and DNS clusters and None otherwise. ``service_host``, ``service_port``
    and ``subset`` say whose endpoints an EDS cluster has; they and ``destination_rule`` also feed the cluster's
    metadata, for people who read config dumps. Connections come from that of ``source_addresses`` which is of the
    endpoint's family.
    """

    name: str
    discovery: Discovery
    connect_timeout: timedelta = timedelta(seconds=10)
    load_assignment: LoadAssignmentPlan | None = None
    lb_policy: LbPolicy = LbPolicy.LEAST_REQUEST
    protocol: UpstreamProtocol = UpstreamProtocol.HTTP1
    circuit_breakers: CircuitBreakerPlan = CircuitBreakerPlan()
    outlier_detection: OutlierDetection | None = None
    tcp_keepalive: TcpKeepalive | None = None
    idle_timeout: timedelta | None = None
    max_connection_duration: timedelta | None = None
    max_requests_per_connection: int = 0
    max_concurrent_streams: int = 0
    http2_keepalive: ConnectionKeepalive | None = None
    tls: UpstreamTls | MeshClientTls | None = None
    tls_by_endpoint: bool = False
    """Whether ``tls`` is only for the endpoints that are marked ``mutual_tls``, and plain text for the others."""
    dns_refresh_rate: timedelta | None = None
    source_addresses: tuple[str, ...] = ()
    original_dst_port: int = 0
    service_host: str = ""
    service_namespace: str = ""
    service_port: int = 0
    subset: str = ""
    destination_rule: ResourceKey | None = None
    origins: tuple[ResourceKey, ...] = ()
