"""What is wrong with a Telemetry resource, and with providers of spans."""

from __future__ import annotations

import pytest

from galley.publishing.loading import load_unit
from galley.sources import Unit

TELEMETRY = "apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {name: t}\nspec: "
MESH = "apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (TELEMETRY + "{tracing: [{providers: [{name: a}], randomSamplingPercentage: 50}]}", []),
        (TELEMETRY + "{tracing: [{randomSamplingPercentage: 101}]}", ["spec.tracing[0].randomSamplingPercentage"]),
        (TELEMETRY + "{tracing: [{providers: [{name: ''}]}]}", ["spec.tracing[0].providers[0].name"]),
        (TELEMETRY + "{tracing: [{providers: [{name: a}, {name: b}]}]}", ["spec.tracing[0].providers"]),
        (TELEMETRY + "{tracing: [{customTags: {a: {}}}]}", ['spec.tracing[0].customTags["a"]']),
        (TELEMETRY + "{tracing: [{customTags: {a: {header: {name: 'x y'}}}}]}",
         ['spec.tracing[0].customTags["a"].header.name']),
        (TELEMETRY + "{metrics: [{}]}", ["spec.metrics"]),
        (TELEMETRY + "{accessLogging: [{}]}", ["spec.accessLogging"]),
        (MESH + "extensionProviders: [{name: a, zipkin: {service: z.example, port: 9411, path: spans}}]",
         ["extensionProviders[0].zipkin.path"]),
        (MESH + "extensionProviders: [{name: a, zipkin: {service: z.example, port: 0}}]",
         ["extensionProviders[0].zipkin.port"]),
        (MESH + "defaultConfig: {tracing: {zipkin: {address: zipkin}}}", ["defaultConfig.tracing.zipkin.address"]),
    ],
)  # fmt: skip
def test_diagnostics_name_the_field(text: str, found: list[str]) -> None:
    told = load_unit(Unit.of("a.yaml", text.encode())).diagnostics
    assert [one.origin.field for one in told] == found
