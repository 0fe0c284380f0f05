"""What the planners of telemetry are given."""

from __future__ import annotations

from galley.frozen import FrozenMap, frozen
from galley.kinds.mesh_config import MeshConfig
from galley.kinds.telemetry import Telemetry, WorkloadMode
from galley.meta import Resource


@frozen
class Collector:
    """A server that reports go to: the cluster that leads there, and its host."""

    cluster: str
    host: str


Collectors = FrozenMap[str, Collector]
"""The servers that a proxy can reach, by the names of their providers in MeshConfig.

A provider that is missing here is not reported to: an Envoy refuses a listener whose tracer names a cluster that it
does not have."""


@frozen
class ReportingWorkload:
    """Whose proxy reports, as its node says it; ``service`` and ``revision`` are Istio's canonical ones."""

    service: str
    revision: str
    namespace: str
    node_cluster: str
    mesh_id: str
    cluster_id: str


@frozen
class TelemetryInputs:
    """Everything that one side's telemetry depends on. ``policies`` are the resources that reach the workload, wider
    ones first; ``legacy_collector`` is the server that ``defaultConfig.tracing`` names."""

    mesh: MeshConfig
    workload: ReportingWorkload
    side: WorkloadMode
    policies: tuple[Resource[Telemetry], ...] = ()
    collectors: Collectors = FrozenMap()
    legacy_collector: Collector | None = None
    gateway: bool = False
