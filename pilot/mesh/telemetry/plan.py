"""Plan what the listeners of one side of a proxy report."""

from __future__ import annotations

from pilot.ir.telemetry import NO_TELEMETRY, TelemetryPlan
from pilot.mesh.telemetry.inputs import TelemetryInputs
from pilot.mesh.telemetry.tracing import plan_tracing


def plan_telemetry(inputs: TelemetryInputs) -> TelemetryPlan:
    """All of it; nothing is reported where neither resources nor MeshConfig ask for it."""
    planned = TelemetryPlan(tracing=plan_tracing(inputs), origins=tuple(policy.key for policy in inputs.policies))
    return planned if planned.tracing is not None else NO_TELEMETRY
