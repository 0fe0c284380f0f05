"""Plans of clusters and of their endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum

from citadel.ir import MeshClientTls, UpstreamTls
from galley.frozen import frozen
from galley.kinds.networking.destination_rule import ConnectionKeepalive, OutlierDetection
from galley.kinds.values import TcpKeepalive
from galley.meta import ResourceKey
from pilot.ir.weights import scaled
from pilot.node.locality import Locality

UNLIMITED = 2**32 - 1


class DiscoveryType(StrEnum):
    """Envoy's cluster discovery types."""

    EDS = "EDS"
    STATIC = "STATIC"
    STRICT_DNS = "STRICT_DNS"
    LOGICAL_DNS = "LOGICAL_DNS"
    ORIGINAL_DST = "ORIGINAL_DST"

    @property
    def is_inline(self) -> bool:
        """Whether the cluster itself says its endpoints, as addresses or names."""
        return self in (DiscoveryType.STATIC, DiscoveryType.STRICT_DNS, DiscoveryType.LOGICAL_DNS)


class LbPolicy(StrEnum):
    """Envoy's load balancing policies that Istio's API reaches."""

    LEAST_REQUEST = "LEAST_REQUEST"
    ROUND_ROBIN = "ROUND_ROBIN"
    RANDOM = "RANDOM"
    RING_HASH = "RING_HASH"
    MAGLEV = "MAGLEV"
    CLUSTER_PROVIDED = "CLUSTER_PROVIDED"


SLOW_STARTS = frozenset({LbPolicy.LEAST_REQUEST, LbPolicy.ROUND_ROBIN})
"""The policies that can send new endpoints less than their share."""


class UpstreamProtocol(StrEnum):
    """What a cluster speaks: HTTP/1.1 (also for opaque TCP), HTTP/2, or what the client spoke."""

    HTTP1 = "HTTP1"
    HTTP2 = "HTTP2"
    DOWNSTREAM = "DOWNSTREAM"


@frozen
class EndpointPlan:
    """One address. ``port`` is 0 and ``address`` a path for a Unix socket; ``weight`` is at least 1, else ValueError.

    ``mutual_tls`` marks one that takes mutual TLS, for clusters that leave it to the endpoint.
    """

    address: str
    port: int
    weight: int = 1
    mutual_tls: bool = False

    def __post_init__(self) -> None:
        if self.weight < 1:
            raise ValueError(f"the weight of an endpoint is at least 1, not {self.weight}")


@frozen
class LocalityPlan:
    """Endpoints of one locality, in a stable order. ``weight`` 0 means theirs together.

    ValueError without endpoints and weight: Envoy refuses a locality of the weight 0.
    """

    locality: Locality
    endpoints: tuple[EndpointPlan, ...]
    priority: int = 0
    weight: int = 0

    def __post_init__(self) -> None:
        if not self.total_weight:
            raise ValueError("a locality has endpoints")

    @property
    def total_weight(self) -> int:
        """What it weighs among the localities of its priority."""
        return self.weight or sum(endpoint.weight for endpoint in self.endpoints)


@frozen
class LoadAssignmentPlan:
    """The endpoints of one cluster. Served by EDS, or inline in a DNS or STATIC cluster.

    Weights whose sum is more than Envoy can hold become smaller in the same proportions.
    """

    cluster_name: str
    localities: tuple[LocalityPlan, ...] = ()
    origins: tuple[ResourceKey, ...] = ()

    def __post_init__(self) -> None:
        weights = scaled([endpoint.weight for locality in self.localities for endpoint in locality.endpoints])
        if weights is not None:
            object.__setattr__(self, "localities", _with_weights(self.localities, iter(weights)))

    @property
    def size(self) -> int:
        """How many endpoints there are."""
        return sum(len(locality.endpoints) for locality in self.localities)


def _with_weights(localities: tuple[LocalityPlan, ...], weights: Iterator[int]) -> tuple[LocalityPlan, ...]:
    return tuple(
        replace(locality, endpoints=tuple(replace(endpoint, weight=next(weights)) for endpoint in locality.endpoints))
        for locality in localities
    )


@frozen
class SlowStartPlan:
    """New endpoints get their full share after ``window``: at first ``min_percent`` of it, then more by ``aggression``
    (1: evenly). None leaves Envoy's default."""

    window: timedelta
    min_percent: float | None = None
    aggression: float | None = None


@frozen
class RetryBudgetPlan:
    """Retries may be ``percent`` of the requests under way, and ``min_concurrency`` in any case."""

    percent: float
    min_concurrency: int


@frozen
class CircuitBreakerPlan:
    """Thresholds per client proxy; Istio's default is "no limit"."""

    max_connections: int = UNLIMITED
    max_pending_requests: int = UNLIMITED
    max_requests: int = UNLIMITED
    max_retries: int = UNLIMITED
    retry_budget: RetryBudgetPlan | None = None


@frozen
class ClusterPlan:
    """One cluster, everything resolved.

    ``load_assignment`` is inline for STATIC and DNS clusters, empty if it is not given, and None for all others.
    ``service_host``, ``service_port`` and ``subset`` say whose endpoints an EDS cluster has; they and
    ``destination_rule`` also feed the cluster's metadata, for people who read config dumps. Connections come from that
    of ``source_addresses`` which is of the endpoint's family. ``hash_table_size`` is the least size of the ring of
    RING_HASH, or the size of the table of MAGLEV.

    ValueError for what Envoy refuses: a LOGICAL_DNS cluster that has not exactly one endpoint, CLUSTER_PROVIDED where
    endpoints are not original destinations, and another policy where they are; a table where nothing hashes, and a slow
    start where nothing is balanced by load or in turns.
    """

    name: str
    discovery: DiscoveryType
    connect_timeout: timedelta = timedelta(seconds=10)
    load_assignment: LoadAssignmentPlan | None = None
    lb_policy: LbPolicy = LbPolicy.LEAST_REQUEST
    locality_weighted: bool = False
    hash_table_size: int = 0
    slow_start: SlowStartPlan | None = None
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

    def __post_init__(self) -> None:
        if self.discovery.is_inline and self.load_assignment is None:
            object.__setattr__(self, "load_assignment", LoadAssignmentPlan(cluster_name=self.name))
        if not self.discovery.is_inline and self.load_assignment is not None:
            raise ValueError(f"{self.name} has its endpoints from elsewhere")
        names = self.load_assignment.size if self.load_assignment is not None else 0
        if self.discovery is DiscoveryType.LOGICAL_DNS and names != 1:
            raise ValueError(f"{self.name} has not exactly one name to look up")
        by_destination = self.discovery is DiscoveryType.ORIGINAL_DST
        if by_destination is not (self.lb_policy is LbPolicy.CLUSTER_PROVIDED):
            raise ValueError(f"{self.name} takes endpoints in a way that its discovery does not give them")
        if bool(self.hash_table_size) is not (self.lb_policy in (LbPolicy.RING_HASH, LbPolicy.MAGLEV)):
            raise ValueError(f"{self.name} hashes with a table, and nothing else has one")
        if self.slow_start is not None and self.lb_policy not in SLOW_STARTS:
            raise ValueError(f"{self.name} starts no endpoint slowly")
