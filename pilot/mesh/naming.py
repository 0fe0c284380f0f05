"""Every name that Envoys, users and dashboards see: written and parsed here, as Istio writes them."""

from __future__ import annotations

from galley.frozen import frozen

BLACK_HOLE_CLUSTER = "BlackHoleCluster"
PASSTHROUGH_CLUSTER = "PassthroughCluster"
INBOUND_PASSTHROUGH_CLUSTER = "InboundPassthroughCluster"
VIRTUAL_OUTBOUND = "virtualOutbound"
VIRTUAL_INBOUND = "virtualInbound"
HTTP_PROXY_ROUTE = "http_proxy"
CLUSTER_DOMAIN = "cluster.local"


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
    return f"{address}_{port}"


def virtual_host_name(host: str, port: int) -> str:
    return f"{host}:{port}"


def resolve_host(host: str, namespace: str, domain: str = CLUSTER_DOMAIN) -> str:
    """The FQDN of a host as a rule in ``namespace`` writes it: a name without a dot is a service of the namespace.

    Anything with a dot is taken literally, as in Istio: ``reviews.prod`` is not expanded.
    """
    if "." in host or host.startswith("*") or not host:
        return host.lower()
    return f"{host}.{namespace}.svc.{domain}".lower()


def resolve_gateway(reference: str, namespace: str) -> str:
    """``namespace/name`` of the Gateway that a VirtualService in ``namespace`` names; ``mesh`` stays ``mesh``."""
    if reference == "mesh":
        return reference
    if "/" in reference:
        owner, _, name = reference.partition("/")
        return f"{namespace if owner == '.' else owner}/{name}"
    if "." in reference:  # the legacy form name.namespace.svc.cluster.local
        name, owner, *_ = reference.split(".")
        return f"{owner}/{name}"
    return f"{namespace}/{reference}"
