"""Every name that Envoys, users and dashboards see: written and parsed here, as Istio writes them."""

from __future__ import annotations

from galley.frozen import frozen

BLACK_HOLE_CLUSTER = "BlackHoleCluster"
PASSTHROUGH_CLUSTER = "PassthroughCluster"
INBOUND_PASSTHROUGH_CLUSTER = "InboundPassthroughCluster"
VIRTUAL_OUTBOUND = "virtualOutbound"
VIRTUAL_INBOUND = "virtualInbound"
HTTP_PROXY_ROUTE = "http_proxy"
SERVER_NAME = "istio-envoy"
"""What answers call the server, where the proxy answers for a workload or stands at an edge."""


@frozen
class ClusterName:
    """``direction|port|subset|host``."""

    direction: str
    port: int
    subset: str
    host: str

    def __str__(self) -> str:
        return f"{self.direction}|{self.port}|{self.subset}|{self.host}"


def outbound_cluster(*, port: int, host: str, subset: str = "") -> str:
    """The cluster of a service's port, or of a subset of it: ``outbound|port|subset|host``."""
    return f"outbound|{port}|{subset}|{host}"


def inbound_cluster(port: int) -> str:
    """``port`` is where the workload is reached (the target port), not the service's port."""
    return f"inbound|{port}||"


def parse_cluster_name(name: str) -> ClusterName | None:
    """The parts of an Istio cluster name; None for well-known clusters and foreign names."""
    parts = name.split("|")
    if len(parts) != 4 or not parts[1].isdigit():
        return None
    return ClusterName(direction=parts[0], port=int(parts[1]), subset=parts[2], host=parts[3])


def listener_name(address: str, port: int) -> str:
    """``address_port``, where the listener is bound."""
    return f"{address}_{port}"


def virtual_host_name(host: str, port: int) -> str:
    """``host:port``, as an authority has it."""
    return f"{authority(host)}:{port}"


def authority(host: str) -> str:
    """The host part of an authority (RFC 3986): IPv6 addresses are in brackets."""
    return f"[{host}]" if ":" in host else host
