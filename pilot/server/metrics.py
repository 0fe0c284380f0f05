"""Counters and gauges in Prometheus' text format (exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pilot.server.fleet import Fleet
from pilot.xds.resources import SHORT_NAMES


class MetricKind(StrEnum):
    """A counter only grows while the process lives; a gauge goes up and down."""

    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Metric:
    """One name with its samples: labels as ``(name, value)`` pairs → value."""

    name: str
    help: str
    kind: MetricKind
    samples: Mapping[tuple[tuple[str, str], ...], float] = field(default_factory=dict)


def counter(name: str, value: float, text: str) -> Metric:
    """A counter without labels."""
    return Metric(name, text, MetricKind.COUNTER, {(): value})


def gauge(name: str, value: float, text: str) -> Metric:
    """A gauge without labels."""
    return Metric(name, text, MetricKind.GAUGE, {(): value})


def fleet_metrics(fleet: Fleet[Any]) -> Iterator[Metric]:
    """What the fleet counts, and how many proxies are in which state by type."""
    counts = fleet.counters
    yield gauge("pilot_xds_connected", len(fleet.connections), "Streams that are open.")
    yield counter("pilot_xds_connections_total", counts.connections, "Streams opened since the start.")
    yield counter("pilot_xds_pushes_total", counts.pushes, "Snapshots that led to a response, by connection.")
    yield counter("pilot_xds_responses_total", counts.responses, "Responses written.")
    yield counter("pilot_xds_response_bytes_total", counts.bytes, "Bytes of responses written.")
    yield counter("pilot_xds_joins_total", fleet.encoder.joins, "Response bodies joined; equal sets share one.")
    yield counter("pilot_xds_acks_total", counts.acks, "Responses that proxies accepted.")
    yield counter("pilot_xds_nacks_total", counts.nacks, "Responses that proxies rejected.")
    states: dict[tuple[tuple[str, str], ...], float] = {}
    for proxy in fleet.status():
        for type_url, status in proxy.types.items():
            labels = (("type", SHORT_NAMES.get(type_url, type_url)), ("state", status.state.value))
            states[labels] = states.get(labels, 0) + 1
    yield Metric("pilot_xds_proxies", "Proxies by type and state.", MetricKind.GAUGE, states)


def render_metrics(metrics: Iterable[Metric]) -> str:
    """The text that ``/metrics`` answers."""
    return "".join(line + "\n" for metric in metrics for line in _lines(metric))


def _lines(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.help}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for labels, value in sorted(metric.samples.items()):
        named = ",".join(f'{name}="{_escape(text)}"' for name, text in labels)
        yield f"{metric.name}{{{named}}} {_number(value)}" if named else f"{metric.name} {_number(value)}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
