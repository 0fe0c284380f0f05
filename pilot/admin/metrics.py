"""The control plane's own counters in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator

from galley.publisher import ConfigReport, Latest
from pilot.mesh.proxy import Proxy
from pilot.mesh_state import MeshState
from pilot.server.fleet import Fleet
from pilot.server.status import SyncState

Sample = tuple[str, str, str, float]
"""Name, type, help, value."""


def render_metrics(state: MeshState, fleet: Fleet[Proxy], reports: Latest[ConfigReport]) -> str:
    """All samples, one metric after the other (the exposition format needs no more than this)."""
    lines = []
    for name, kind, text, value in _samples(state, fleet, reports):
        lines += [f"# HELP pilot_{name} {text}", f"# TYPE pilot_{name} {kind}", f"pilot_{name} {value:g}"]
    return "\n".join(lines) + "\n"


def _samples(state: MeshState, fleet: Fleet[Proxy], reports: Latest[ConfigReport]) -> Iterator[Sample]:
    report, traffic = reports.value, fleet.counters
    counters = state.generator.counters if state.generator else None
    yield "xds_streams", "gauge", "Connected streams.", len(fleet.connections)
    rejecting = sum(any(s.state is SyncState.NACK for s in one.types.values()) for one in fleet.status())
    yield "xds_streams_rejecting", "gauge", "Streams whose proxy rejects something now.", rejecting
    yield "xds_pushes_total", "counter", "New snapshots given to streams.", traffic.pushes
    yield "xds_responses_total", "counter", "Responses written.", traffic.responses
    yield "xds_response_bytes_total", "counter", "Bytes of responses written.", traffic.bytes
    yield "xds_acks_total", "counter", "Responses that proxies accepted.", traffic.acks
    yield "xds_nacks_total", "counter", "Responses that proxies rejected.", traffic.nacks
    yield "xds_joins_total", "counter", "Response bodies joined.", fleet.encoder.joins
    if counters:
        yield "plans_total", "counter", "Plans made.", counters.plans
        yield "encodings_total", "counter", "Resources encoded.", counters.encodings
        yield "resource_sets_total", "counter", "Sets of resources assembled.", counters.sets
    yield "registered_workloads", "gauge", "Workloads that registered themselves.", len(state.registrations.workloads)
    if report:
        yield "config_resources", "gauge", "Resources in force.", report.resources
        yield "config_files_held", "gauge", "Files whose newest content is not in force.", len(report.held)
        errors = sum(one.is_error for one in report.diagnostics)
        yield "config_errors", "gauge", "Errors in the configuration now.", errors
        yield "config_changes_total", "counter", "Changes of the configuration seen.", reports.serial
