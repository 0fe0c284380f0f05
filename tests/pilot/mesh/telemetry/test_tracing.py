"""What a side of a workload's traffic is to report: entry over entry, resource over resource, the mesh below."""

from __future__ import annotations

from typing import Any

import pytest

from galley.frozen import FrozenMap
from galley.kinds.extension_provider import ExtensionProvider
from galley.kinds.mesh_config import DefaultProviders, MeshConfig
from galley.kinds.telemetry import (
    CustomTag,
    CustomTags,
    LiteralTag,
    ModeSelector,
    ProviderRef,
    Telemetry,
    Tracing,
    WorkloadMode,
)
from galley.kinds.telemetry_provider import ZipkinTracing
from pilot.ir.telemetry import TracingPlan
from pilot.mesh.telemetry.inputs import Collector, ReportingWorkload, TelemetryInputs
from pilot.mesh.telemetry.tracing import plan_tracing
from tests.builders import a_resource

CLIENT, SERVER = WorkloadMode.CLIENT, WorkloadMode.SERVER
WORKLOAD = ReportingWorkload("shop", "v1", "default", "shop.default", "mesh", "cluster")
SPANS = ExtensionProvider(name="Spans", zipkin=ZipkinTracing(service="zipkin.example", port=9411))
COLLECTORS = FrozenMap({"Spans": Collector("outbound|9411||zipkin.example", "zipkin.example")})


def tags(**values: str) -> CustomTags:
    return FrozenMap({name: CustomTag(literal=LiteralTag(value)) for name, value in values.items()})


def planned(*policies: tuple[Tracing, ...], side: WorkloadMode = CLIENT, **traits: Any) -> TracingPlan | None:
    """The plan with these resources, wider ones first, in a mesh whose default provider is within reach."""
    mesh = MeshConfig(extension_providers=(SPANS,), default_providers=DefaultProviders(tracing=("spans",)))
    resources = tuple(a_resource(Telemetry(tracing=entries), f"t{n}") for n, entries in enumerate(policies))
    inputs = {"mesh": mesh, "workload": WORKLOAD, "side": side, "policies": resources, "collectors": COLLECTORS}
    return plan_tracing(TelemetryInputs(**{**inputs, **traits}))


def test_the_mesh_alone_samples_one_in_a_hundred() -> None:
    plan = planned()
    assert plan is not None
    assert (plan.sampling, plan.tracer.cluster, plan.by_request_id) == (1.0, "outbound|9411||zipkin.example", True)
    assert {tag.name for tag in plan.tags} >= {"istio.canonical_service", "istio.namespace"}


def test_what_a_resource_does_not_say_stays_as_a_wider_one_says_it() -> None:
    wide = (Tracing(random_sampling_percentage=30.0, custom_tags=tags(a="1"), enable_istio_tags=False),)
    plan = planned(wide, (Tracing(custom_tags=tags(b="2")),))
    assert plan is not None
    assert (plan.sampling, [(tag.name, tag.text) for tag in plan.tags]) == (30.0, [("b", "2")])
    zero = planned(wide, (Tracing(random_sampling_percentage=0.0),))
    assert zero is not None
    assert zero.sampling == 0.0, "zero is said, too"


@pytest.mark.parametrize(("side", "sampling"), [(CLIENT, 5.0), (SERVER, 7.0)])
def test_entries_are_about_sides(side: WorkloadMode, sampling: float) -> None:
    entries = tuple(
        Tracing(ModeSelector(mode), random_sampling_percentage=n) for mode, n in ((CLIENT, 5.0), (SERVER, 7.0))
    )
    plan = planned(entries, side=side)
    assert plan is not None
    assert plan.sampling == sampling


@pytest.mark.parametrize(
    "traits",
    [
        {"policies": (a_resource(Telemetry(tracing=(Tracing(disable_span_reporting=True),)), "off"),)},
        {"policies": (a_resource(Telemetry(tracing=(Tracing(providers=(ProviderRef("other"),)),)), "other"),)},
        {"collectors": FrozenMap()},
        {"mesh": MeshConfig()},
    ],
    ids=["switched off", "unknown provider", "out of reach", "nobody asks"],
)
def test_where_there_are_no_spans(traits: dict[str, Any]) -> None:
    assert planned(**traits) is None
