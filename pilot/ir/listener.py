"""Plans of listeners, filter chains and what stands at the end of a chain."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from citadel.ir import MeshServerTls, ServerTls
from galley.frozen import frozen
from galley.kinds.mesh_config import ForwardClientCertDetails, NormalizationType
from galley.meta import ResourceKey
from pilot.ir.route import RouteConfigPlan


class ListenerFilter(StrEnum):
    """Listener filters, by what they find out about a connection."""

    ORIGINAL_DST = "original_dst"
    ORIGINAL_SRC = "original_src"
    TLS_INSPECTOR = "tls_inspector"
    HTTP_INSPECTOR = "http_inspector"
    PROXY_PROTOCOL = "proxy_protocol"


class Direction(StrEnum):
    """Envoy's traffic direction; gateways count as outbound, as in Istio."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


@frozen
class AccessLogPlan:
    """A file access log; ``format`` "" is Istio's default text format. With ``json`` the format is a JSON object."""

    path: str
    format: str = ""
    json: bool = False


@frozen
class ChainMatchPlan:
    """Which connections a chain takes; what is empty matches any."""

    destination_port: int = 0
    server_names: tuple[str, ...] = ()
    transport_protocol: str = ""
    application_protocols: tuple[str, ...] = ()
    prefix_ranges: tuple[str, ...] = ()

    @property
    def is_match_all(self) -> bool:
        return self == _ANY_CONNECTION


_ANY_CONNECTION = ChainMatchPlan()


@frozen
class HttpConnectionPlan:
    """An HTTP connection manager. Routes come by RDS under ``route_name``, or inline as ``route_config``."""

    stat_prefix: str
    route_name: str = ""
    route_config: RouteConfigPlan | None = None
    use_remote_address: bool = False
    xff_num_trusted_hops: int = 0
    server_name: str = ""
    """Value of the ``server`` header; "" leaves Envoy's default ("envoy")."""
    forward_client_cert: ForwardClientCertDetails | None = None
    allow_absolute_url: bool = False
    accept_http_10: bool = False
    grpc_web: bool = False
    idle_timeout: timedelta | None = None
    normalization: NormalizationType = NormalizationType.DEFAULT
    access_log: AccessLogPlan | None = None


@frozen
class WeightedTcpCluster:
    """A cluster's share of the connections."""

    cluster: str
    weight: int


@frozen
class TcpProxyPlan:
    """Forward bytes to one cluster, or to several by weight."""

    stat_prefix: str
    clusters: tuple[WeightedTcpCluster, ...]
    idle_timeout: timedelta | None = None
    max_connection_duration: timedelta | None = None
    access_log: AccessLogPlan | None = None


@frozen
class FilterChainPlan:
    """One filter chain: who it takes, what it terminates, where it ends."""

    terminal: HttpConnectionPlan | TcpProxyPlan
    match: ChainMatchPlan = ChainMatchPlan()
    name: str = ""
    tls: ServerTls | MeshServerTls | None = None
    upstream_alpn: tuple[str, ...] = ()
    """What connections to upstreams offer instead of the ALPN of their cluster; empty: that."""
    transport_connect_timeout: timedelta | None = None


@frozen
class ListenerPlan:
    """One listener. ``address`` is an IP or a ``unix://`` path (then ``port`` is 0); with ``dual_stack`` it is
    0.0.0.0, and the listener has the same port of ``::`` as well.

    ``inspector_excluded_ports`` are destination ports on which TLS and HTTP inspectors stay off (virtual inbound).
    """

    name: str
    address: str
    port: int
    chains: tuple[FilterChainPlan, ...]
    direction: Direction = Direction.OUTBOUND
    default_chain: FilterChainPlan | None = None
    listener_filters: tuple[ListenerFilter, ...] = ()
    http_inspector_excluded_ports: tuple[int, ...] = ()
    tls_inspector_excluded_ports: tuple[int, ...] = ()
    bind_to_port: bool = True
    use_original_dst: bool = False
    transparent: bool = False
    dual_stack: bool = False
    listener_filters_timeout: timedelta | None = None
    continue_on_listener_filters_timeout: bool = False
    origins: tuple[ResourceKey, ...] = ()
