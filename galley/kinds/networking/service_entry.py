"""ServiceEntry and WorkloadEntry/WorkloadGroup: services and workloads outside Kubernetes (networking.istio.io)."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import ClassVar

from galley.frozen import FrozenMap, frozen
from galley.kinds.values import NetworkingWorkloadSelector, unsupported
from galley.meta import NO_LABELS, Labels

NO_PORTS: FrozenMap[str, int] = FrozenMap()


@frozen
class WorkloadEntry:
    """One workload: an address (IP, DNS name or ``unix://`` path), its ports by name, and labels.

    ``weight`` 0 means unset, that is 1. ``locality`` is ``region/zone/subzone``.
    """

    address: str = ""
    ports: FrozenMap[str, int] = NO_PORTS
    labels: Labels = NO_LABELS
    network: str = ""
    locality: str = ""
    weight: int = 0
    service_account: str = ""


@frozen
class WorkloadGroupMetadata:
    """Labels and annotations given to every workload of the group."""

    labels: Labels = NO_LABELS
    annotations: Labels = NO_LABELS


@frozen
class HttpHeader:
    """A header of a probe."""

    name: str = ""
    value: str = ""


@frozen
class HttpGetProbe:
    """Probe by HTTP GET."""

    path: str = ""
    port: int = 0
    host: str = ""
    scheme: str = ""
    http_headers: tuple[HttpHeader, ...] = ()


@frozen
class TcpSocketProbe:
    """Probe by connecting."""

    host: str = ""
    port: int = 0


@frozen
class ExecProbe:
    """Probe by running a command."""

    command: tuple[str, ...] = ()


@frozen
class GrpcProbe:
    """Probe by gRPC health checking."""

    port: int = 0
    service: str = ""


@frozen
class ReadinessProbe:
    """How an agent learns that a workload is ready."""

    __oneofs__: ClassVar[tuple[tuple[str, ...], ...]] = (("http_get", "tcp_socket", "exec", "grpc"),)
    initial_delay_seconds: int = 0
    timeout_seconds: int = 0
    period_seconds: int = 0
    success_threshold: int = 0
    failure_threshold: int = 0
    http_get: HttpGetProbe | None = None
    tcp_socket: TcpSocketProbe | None = None
    exec: ExecProbe | None = None
    grpc: GrpcProbe | None = None


@frozen
class WorkloadGroup:
    """The template of workloads that register themselves."""

    metadata: WorkloadGroupMetadata | None = None
    template: WorkloadEntry | None = None
    probe: ReadinessProbe | None = unsupported(None, "a workload counts as ready while its Envoy is connected")


class Location(StrEnum):
    """Whether a service is part of the mesh."""

    MESH_EXTERNAL = "MESH_EXTERNAL"
    MESH_INTERNAL = "MESH_INTERNAL"


class Resolution(StrEnum):
    """How the endpoints of a service are found."""

    NONE = "NONE"
    STATIC = "STATIC"
    DNS = "DNS"
    DNS_ROUND_ROBIN = "DNS_ROUND_ROBIN"
    DYNAMIC_DNS = "DYNAMIC_DNS"


@frozen
class ServicePort:
    """A port of a service; ``target_port`` 0 means the same as ``number``."""

    number: int = 0
    protocol: str = ""
    name: str = ""
    target_port: int = 0


@frozen
class ServiceEntry:
    """Services by host name, with endpoints inline or selected by labels."""

    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    ports: tuple[ServicePort, ...] = ()
    location: Location = Location.MESH_EXTERNAL
    resolution: Resolution = field(
        default=Resolution.NONE,
        metadata={
            "unsupported_values": {"DYNAMIC_DNS": "the hosts are not resolved on demand; requests get no endpoint"}
        },
    )
    endpoints: tuple[WorkloadEntry, ...] = ()
    workload_selector: NetworkingWorkloadSelector | None = None
    export_to: tuple[str, ...] = ()
    subject_alt_names: tuple[str, ...] = ()
