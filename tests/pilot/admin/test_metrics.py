"""The metrics that a scrape finds."""

from __future__ import annotations

from galley.publishing.latest import Latest
from galley.publishing.publisher import ConfigReport
from galley.supervision import Supervisor
from pilot.admin.metrics import render_metrics
from pilot.controlplane.mesh_state import MeshState
from pilot.mesh.context.proxy import Proxy
from pilot.server.fleet import Fleet
from pilot.serving import PilotMesh
from pilot.xds.events import Requested
from pilot.xds.resources import CLUSTER
from pilot.xds.variant import XdsVariant
from tests.builders import a_config, a_proxy, a_service_entry
from tests.pilot.admin.nodes import a_node
from tests.pilot.server.served import Notes, SimpleMesh


async def test_a_scrape_counts_proxies_plans_and_configuration() -> None:
    state = MeshState(deregister_after=1.0)
    state.configure(a_config(a_service_entry("reviews.example.com")))
    assert state.rebuild()
    proxy = a_proxy()
    fleet: Fleet[Proxy] = Fleet(PilotMesh(state, None), Notes())
    for _ in range(2):
        fleet.open(a_node(proxy), XdsVariant.SOTW, "").handle(Requested(CLUSTER))
    reports: Latest[ConfigReport] = Latest()
    reports.publish(ConfigReport(version="1", units=1, resources=7))
    text = render_metrics(state, fleet, reports, Supervisor())
    assert 'pilot_xds_proxies{state="STALE",type="CDS"} 2.0\n' in text
    assert "pilot_xds_connected 2.0\n" in text
    assert "pilot_xds_joins_total 1.0\n" in text, "two proxies of one scope share one join"
    assert "pilot_config_resources 7.0\n" in text
    assert "pilot_plans_total" in text


async def test_refused_streams_are_counted_by_limit() -> None:
    fleet: Fleet[Proxy] = Fleet(SimpleMesh(lambda _: a_proxy()), Notes())
    fleet.counters.refused["identity"] += 3
    text = render_metrics(MeshState(deregister_after=1.0), fleet, Latest(), Supervisor())
    assert 'pilot_xds_refused_streams_total{limit="identity"} 3.0\n' in text
    assert 'pilot_xds_refused_streams_total{limit="address"} 0.0\n' in text


async def test_before_the_first_configuration_there_is_little_to_tell() -> None:
    fleet: Fleet[Proxy] = Fleet(SimpleMesh(lambda _: a_proxy()), Notes())
    text = render_metrics(MeshState(deregister_after=1.0), fleet, Latest(), Supervisor())
    assert "pilot_xds_connected 0.0\n" in text
    assert "pilot_plans_total" not in text


async def test_stages_that_fail_are_told_and_their_failures_counted() -> None:
    fleet: Fleet[Proxy] = Fleet(SimpleMesh(lambda _: a_proxy()), Notes())
    supervisor = Supervisor()
    for stage in ("source", "rebuild", "rebuild"):
        supervisor.failed(stage, OSError("full"))
    supervisor.went_well("source")
    text = render_metrics(MeshState(deregister_after=1.0), fleet, Latest(), supervisor)
    assert 'pilot_stage_degraded{stage="rebuild"} 1.0\n' in text
    assert 'pilot_stage_degraded{stage="source"} 0.0\n' in text
    assert 'pilot_stage_failures_total{stage="rebuild"} 2.0\n' in text
