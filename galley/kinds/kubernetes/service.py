"""Kubernetes core Service, so that a tutorial's manifests work unchanged."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import Any

from galley.frozen import frozen
from galley.kinds.values import named, unsupported
from galley.meta import NO_LABELS, Labels


class ServiceType(StrEnum):
    """How a Service is reached; LoadBalancer and NodePort mean nothing more than ClusterIP without Kubernetes."""

    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"
    EXTERNAL_NAME = "ExternalName"


class SessionAffinity(StrEnum):
    """Whether requests of one client stay at one endpoint."""

    NONE = "None"
    CLIENT_IP = "ClientIP"


class InternalTrafficPolicy(StrEnum):
    """Which endpoints clients may use."""

    CLUSTER = "Cluster"
    LOCAL = "Local"


@frozen
class KubernetesServicePort:
    """A port of a Service. ``target_port`` is a number, or the name of a port of the workload."""

    port: int = 0
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str = ""
    target_port: int | str | None = None
    node_port: int = 0


@frozen
class KubernetesService:
    """Ports, selector and address of a Service. ``cluster_ip`` is "None" for a headless one."""

    type: ServiceType = ServiceType.CLUSTER_IP
    ports: tuple[KubernetesServicePort, ...] = ()
    selector: Labels = NO_LABELS
    cluster_ip: str = named("clusterIP", "")
    cluster_ips: tuple[str, ...] = named("clusterIPs", ())
    external_name: str = ""
    external_ips: tuple[str, ...] = field(
        default=(), metadata={"name": "externalIPs", "unsupported": "the Service is not reached at these addresses"}
    )
    publish_not_ready_addresses: bool = False
    session_affinity: SessionAffinity = field(
        default=SessionAffinity.NONE,
        metadata={"unsupported_values": {"ClientIP": "requests of one client go to any endpoint"}},
    )
    session_affinity_config: Any = unsupported(None, "requests of one client go to any endpoint")
    ip_families: tuple[str, ...] = ()
    ip_family_policy: str = ""
    internal_traffic_policy: InternalTrafficPolicy = field(
        default=InternalTrafficPolicy.CLUSTER,
        metadata={"unsupported_values": {"Local": "endpoints of all hosts are used"}},
    )
    external_traffic_policy: str = ""
    traffic_distribution: str = unsupported("", "endpoints of all localities count alike")
    allocate_load_balancer_node_ports: bool | None = None
    health_check_node_port: int = 0
    load_balancer_ip: str = named("loadBalancerIP", "")
    load_balancer_class: str = ""
    load_balancer_source_ranges: tuple[str, ...] = unsupported((), "clients of all addresses are let in")
