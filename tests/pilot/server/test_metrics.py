"""Prometheus' text format."""

from __future__ import annotations

from envoycodec.discovery import Node
from pilot.server.fleet import Fleet, Protocol
from pilot.server.metrics import Metric, MetricKind, counter, fleet_metrics, gauge, render_metrics
from pilot.xds.events import Requested
from pilot.xds.resources import CLUSTER
from tests.pilot.xds.dialogue import snapshot


def test_a_metric_is_written_with_help_type_and_sorted_samples() -> None:
    metric = Metric("m", "Text.", MetricKind.GAUGE, {(("a", "2"),): 1.5, (("a", "1"), ("b", 'q"\\\n')): 2})
    assert render_metrics([metric]) == ('# HELP m Text.\n# TYPE m gauge\nm{a="1",b="q\\"\\\\\\n"} 2\nm{a="2"} 1.5\n')


def test_large_counters_keep_all_digits() -> None:
    assert "c 123456789012\n" in render_metrics([counter("c", 123456789012, "Text.")])
    assert "g 0.25\n" in render_metrics([gauge("g", 0.25, "Text.")])


async def test_a_fleet_counts_proxies_by_type_and_state() -> None:
    shared = snapshot(clusters={"a": "1"})
    fleet: Fleet[str] = Fleet(read_node=lambda n: n.id, snapshot_of=lambda _: shared)
    for _ in range(2):
        fleet.open(Node(id="p"), Protocol.SOTW, "").handle(Requested(CLUSTER))
    text = render_metrics(fleet_metrics(fleet))
    assert 'pilot_xds_proxies{type="CDS",state="STALE"} 2\n' in text
    assert "pilot_xds_connected 2\n" in text
    assert "pilot_xds_joins_total 1\n" in text
