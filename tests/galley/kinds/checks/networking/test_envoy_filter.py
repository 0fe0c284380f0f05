"""Rules of an EnvoyFilter."""

from __future__ import annotations

import pytest

from tests.galley.kinds.checks.cases import found, short

V1ALPHA3 = "networking.istio.io/v1alpha3"
HCM = "envoy.filters.network.http_connection_manager"
PATCH = "spec.configPatches[0]"


def verdict(patch: str) -> list[str]:
    return short(found("EnvoyFilter", f"configPatches:\n- {patch}", api_version=V1ALPHA3))


def sub_filter(name: str, filter_name: str = HCM) -> str:
    return f"match: {{listener: {{filterChain: {{filter: {{name: {filter_name}, subFilter: {{name: {name}}}}}}}}}}}"


def removal(apply_to: str, match: str) -> str:
    return f"{{applyTo: {apply_to}, {match}, patch: {{operation: REMOVE}}}}"


@pytest.mark.parametrize(
    "patch",
    [
        "{applyTo: CLUSTER, match: {cluster: {name: a}}, patch: {operation: REMOVE}}",
        "{applyTo: CLUSTER, patch: {operation: MERGE, value: {connect_timeout: 1.5s, lbPolicy: RANDOM}}}",
        "{applyTo: LISTENER, match: {proxy: {proxyVersion: '^1.2'}}, patch: {operation: MERGE, value: {name: a}}}",
        "{applyTo: CLUSTER, match: {proxy: {metadata: {A: b}}}, patch: {operation: REMOVE}}",
        removal("HTTP_FILTER", sub_filter("envoy.filters.http.cors")),
        (
            "{applyTo: HTTP_FILTER, patch: {operation: INSERT_FIRST, value: {name: a, typed_config: {"
            "'@type': type.googleapis.com/udpa.type.v1.TypedStruct, "
            "type_url: type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, "
            "value: {max_request_bytes: 1}}}}}"
        ),
    ],
)
def test_good_patches_have_no_diagnostics(patch: str) -> None:
    assert verdict(patch) == []


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ("{patch: {operation: REMOVE}}", f"error missing-field {PATCH}.applyTo"),
        ("{applyTo: CLUSTER}", f"error missing-field {PATCH}.patch.operation"),
        ("{applyTo: CLUSTER, patch: {operation: MERGE}}", f"error missing-field {PATCH}.patch.value"),
        (
            "{applyTo: CLUSTER, patch: {operation: MERGE, value: {conect_timeout: 1s}}}",
            f"error invalid-patch {PATCH}.patch.value",
        ),
        (
            "{applyTo: CLUSTER, patch: {operation: MERGE, value: {connect_timeout: soon}}}",
            f"error invalid-patch {PATCH}.patch.value",
        ),
        (
            "{applyTo: NETWORK_FILTER, patch: {operation: ADD, value: {typed_config: {'@type': a/no.Such}}}}",
            f"error invalid-patch {PATCH}.patch.value",
        ),
        (
            "{applyTo: CLUSTER, match: {listener: {name: a}}, patch: {operation: REMOVE}}",
            f"error wrong-match {PATCH}.match.listener",
        ),
        (
            "{applyTo: CLUSTER, match: {proxy: {proxyVersion: '('}}, patch: {operation: REMOVE}}",
            f"error invalid-regex {PATCH}.match.proxy.proxyVersion",
        ),
        (
            removal("NETWORK_FILTER", sub_filter("a")),
            f"error wrong-match {PATCH}.match.listener.filterChain.filter.subFilter",
        ),
        (
            removal("HTTP_FILTER", sub_filter("a", "b")),
            f"error wrong-match {PATCH}.match.listener.filterChain.filter.name",
        ),
        (
            removal("HTTP_FILTER", sub_filter("istio.stats")),
            f"warning no-effect {PATCH}.match.listener.filterChain.filter.subFilter.name",
        ),
        (
            "{applyTo: HTTP_FILTER, patch: {operation: ADD, value: {name: a}}}",
            f"warning filter-after-router {PATCH}.patch.operation",
        ),
        (
            "{applyTo: ROUTE_CONFIGURATION, patch: {operation: REMOVE}}",
            f"warning no-effect {PATCH}.patch.operation",
        ),
        (
            "{applyTo: BOOTSTRAP, patch: {operation: MERGE, value: {a: b}}}",
            f"warning not-supported-yet {PATCH}.applyTo",
        ),
        (
            "{applyTo: EXTENSION_CONFIG, patch: {operation: ADD, value: {name: a}}}",
            f"warning not-supported-yet {PATCH}.applyTo",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_line(patch: str, expected: str) -> None:
    assert verdict(patch) == [expected]
