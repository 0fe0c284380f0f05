"""Plans of network filters: what a filter chain does with the bytes of a connection, and what stands at its end."""

from __future__ import annotations

import json
from datetime import timedelta

from citadel.access.ext_authz import ExtAuthzPlan
from citadel.access.rbac import RbacPlan
from galley.frozen import frozen
from galley.kinds.mesh_config import ForwardClientCertDetails, NormalizationType
from pilot.ir.http_filters import HttpFilterPlan, RouterPlan
from pilot.ir.route import RouteConfigPlan
from pilot.ir.telemetry import TracingPlan
from pilot.ir.weights import settle_shares


@frozen
class AccessLogPlan:
    """A file access log; ``format`` "" is Istio's default format, as text or, with ``json``, as an object.

    With ``json`` a format that is no JSON object, or an empty one, is Istio's too. ValueError without a path.
    """

    path: str
    format: str = ""
    json: bool = False

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("an access log has a path")
        if self.json and not _is_json_object(self.format):
            object.__setattr__(self, "format", "")


def _is_json_object(text: str) -> bool:
    try:
        layout = json.loads(text)
    except ValueError:
        return False
    return isinstance(layout, dict) and bool(layout)


@frozen
class UpstreamAlpnPlan:
    """Has connections to upstreams offer ``protocols`` in their ALPN, instead of what their cluster says."""

    protocols: tuple[str, ...]


@frozen
class HttpConnectionSettings:
    """What all connection managers of a proxy have in common."""

    accept_http_10: bool = False
    normalization: NormalizationType = NormalizationType.DEFAULT
    access_log: AccessLogPlan | None = None
    tracing: TracingPlan | None = None


@frozen
class HttpConnectionPlan:
    """An HTTP connection manager. Routes come by RDS under ``route_name``, or inline as ``route_config``.

    ``filters`` see a request in this order. ValueError unless the router is the last and routes come from one place.
    """

    stat_prefix: str
    route_name: str = ""
    route_config: RouteConfigPlan | None = None
    filters: tuple[HttpFilterPlan, ...] = (RouterPlan(),)
    settings: HttpConnectionSettings = HttpConnectionSettings()
    use_remote_address: bool = False
    xff_num_trusted_hops: int = 0
    server_name: str = ""
    """Value of the ``server`` header; "" leaves Envoy's default ("envoy")."""
    forward_client_cert: ForwardClientCertDetails | None = None
    allow_absolute_url: bool = False
    idle_timeout: timedelta | None = None
    reports_denials: bool = False
    """Whether the control plane is told of requests that a filter did not let in."""

    def __post_init__(self) -> None:
        routers = [index for index, each in enumerate(self.filters) if isinstance(each, RouterPlan)]
        if routers != [len(self.filters) - 1]:
            raise ValueError("the router is the last HTTP filter, and the only one of its kind")
        if bool(self.route_name) is (self.route_config is not None):
            raise ValueError("routes come by name or inline")
        if self.forward_client_cert is ForwardClientCertDetails.UNDEFINED:
            raise ValueError("nothing is said of client certificates by None")


@frozen
class WeightedTcpCluster:
    """A cluster's share of the connections."""

    cluster: str
    weight: int


@frozen
class TcpProxyPlan:
    """Forward bytes to one cluster, or to several by weight. ValueError when none has any share.

    With ``reports_denials`` the control plane is told of connections that a filter before this one did not let in.
    """

    stat_prefix: str
    clusters: tuple[WeightedTcpCluster, ...]
    idle_timeout: timedelta | None = None
    max_connection_duration: timedelta | None = None
    hash_source_ip: bool = False
    access_log: AccessLogPlan | None = None
    reports_denials: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "clusters", settle_shares(self.clusters))
        if not self.clusters:
            raise ValueError("there is no cluster to forward to")


TerminalFilterPlan = HttpConnectionPlan | TcpProxyPlan
"""What may stand at the end of a chain, and only there."""

NetworkFilterPlan = ExtAuthzPlan | RbacPlan | UpstreamAlpnPlan | TerminalFilterPlan
