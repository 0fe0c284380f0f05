"""Which patches are for which proxy."""

from __future__ import annotations

from typing import Any

import pytest

from galley.decoding.documents import decode_file
from galley.frozen import FrozenMap
from galley.snapshot import build_snapshot
from pilot.mesh.context.patching import patches_in_force
from pilot.mesh.context.push_context import build_push_context
from pilot.node.node_id import ProxyKind
from pilot.registry.build import build_catalog
from tests.builders import a_proxy
from tests.galley.documents import document

PATCH = "{applyTo: CLUSTER, match: {%s}, patch: {operation: MERGE, value: {alt_stat_name: x}}}"


def in_force(*matches: str, selector: str = "", **proxy: Any) -> tuple[int, ...]:
    """The positions of the patches, one for each of ``matches``, that are for a proxy."""
    patches = ", ".join(PATCH % match for match in matches)
    spec = f"configPatches: [{patches}]\n{selector}"
    text = document("EnvoyFilter", spec, name="x", api_version="networking.istio.io/v1alpha3")
    resources, diagnostics = decode_file(text.encode(), "a.yaml")
    assert [one for one in diagnostics if one.is_error] == []
    config, _ = build_snapshot(resources)
    made = a_proxy(**proxy)
    found = patches_in_force(build_push_context(config, build_catalog(config, ())), made, made.labels)
    return found[0][1] if found else ()


@pytest.mark.parametrize(("kind", "expected"), [(ProxyKind.SIDECAR, (0, 1, 2)), (ProxyKind.GATEWAY, (0, 3))])
def test_a_gateway_gets_patches_for_gateways(kind: ProxyKind, expected: tuple[int, ...]) -> None:
    contexts = ("context: ANY", "context: SIDECAR_INBOUND", "context: SIDECAR_OUTBOUND", "context: GATEWAY")
    assert in_force(*contexts, kind=kind) == expected


def test_a_proxy_is_asked_for_its_version_and_metadata() -> None:
    matches = ("proxy: {proxyVersion: '^1\\.2.*'}", "proxy: {metadata: {TEAM: a}}", "proxy: {metadata: {TEAM: b}}")
    assert in_force(*matches, texts=FrozenMap({"ISTIO_VERSION": "1.29", "TEAM": "a"})) == (0, 1)
    assert in_force(*matches, texts=FrozenMap({"ISTIO_VERSION": "1.3"})) == ()
    assert in_force(*matches) == (), "one that says nothing is none that is asked for"


def test_a_selector_chooses_workloads() -> None:
    selector = "workloadSelector: {labels: {app: web}}\n"
    assert in_force("context: ANY", selector=selector, labels=FrozenMap({"app": "web"})) == (0,)
    assert in_force("context: ANY", selector=selector, labels=FrozenMap({"app": "api"})) == ()
