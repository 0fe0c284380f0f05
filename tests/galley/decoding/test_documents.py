"""Whole documents and whole files: from bytes to resources, and never an exception."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galley.decoding import documents as decode_module
from galley.decoding.documents import decode, decode_file
from galley.decoding.messages import message_decoder
from galley.frozen import FrozenMap
from galley.kinds import KINDS
from galley.kinds.http import HttpRetry
from galley.kinds.kubernetes.service import KubernetesService
from galley.kinds.mesh_config import MeshConfig
from galley.kinds.networking.destination_rule import DestinationRule
from galley.kinds.networking.sidecar import OutboundTrafficPolicyMode
from galley.kinds.networking.virtual_service import (
    HttpMatchRequest,
    HttpRoute,
    HttpRouteDestination,
    VirtualService,
)
from galley.kinds.values import Destination, StringMatch
from galley.meta import Resource, ResourceKey
from galley.text.compose import compose
from galley.text.diagnostics import Origin, Severity
from galley.text.nodes import Document, Mapping, Scalar, Sequence
from galley.text.recorder import Recorder
from tests.galley.documents import accepted, document, the_diagnostic
from tests.galley.text.test_compose import RULE


def codes(text: str, **options: Any) -> list[str]:
    return [diagnostic.code for diagnostic in decode_file(text.encode(), "a.yaml", **options)[1]]


def test_a_virtual_service_becomes_a_typed_resource() -> None:
    resource = accepted(RULE.decode())
    assert resource.key == ResourceKey("VirtualService", "bookinfo", "reviews")
    assert resource.origin == Origin("a.yaml", 1, 1)
    jason = HttpMatchRequest(headers=FrozenMap({"end-user": StringMatch(exact="jason")}))
    retries = HttpRetry(
        attempts=3, per_try_timeout=timedelta(seconds=2), retry_on="gateway-error,connect-failure,refused-stream"
    )
    assert resource.spec == VirtualService(
        hosts=("reviews",),
        http=(
            HttpRoute(
                match=(jason,),
                route=(
                    HttpRouteDestination(Destination("reviews", "v2"), weight=80),
                    HttpRouteDestination(Destination("reviews", "v3"), weight=20),
                ),
                timeout=timedelta(seconds=5),
                retries=retries,
            ),
            HttpRoute(route=(HttpRouteDestination(Destination("reviews", "v1")),)),
        ),
    )
    assert resource.tree == compose(RULE, "a.yaml")[0][0].root


def test_equal_documents_have_equal_and_hashable_specs() -> None:
    moved = accepted("# moved\n\n" + RULE.decode())
    assert moved.spec == accepted(RULE.decode()).spec
    assert hash(moved.spec) == hash(accepted(RULE.decode()).spec)


def test_a_destination_rule_with_all_its_parts() -> None:
    spec = accepted(
        document(
            "DestinationRule",
            """
            host: reviews
            trafficPolicy:
              loadBalancer: {simple: ROUND_ROBIN}
              connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}
              outlierDetection: {consecutive5xxErrors: 5, interval: 10s, baseEjectionTime: 1m}
            subsets:
            - name: v1
              labels: {version: v1}
            """,
        )
    ).spec
    assert isinstance(spec, DestinationRule)
    assert spec.traffic_policy is not None
    assert spec.traffic_policy.outlier_detection is not None
    assert spec.traffic_policy.outlier_detection.consecutive_5xx_errors == 5
    assert spec.subsets[0].labels == FrozenMap({"version": "v1"})


def test_a_kubernetes_service_as_a_tutorial_writes_it() -> None:
    resource = accepted(
        """
        apiVersion: v1
        kind: Service
        metadata: {name: details, labels: {app: details, service: details}}
        spec:
          ports:
          - {port: 9080, name: http, targetPort: 8080}
          - {port: 9081, name: http-admin, targetPort: admin}
          selector: {app: details}
          clusterIP: None
        status: {loadBalancer: {}}
        """
    )
    assert isinstance(resource.spec, KubernetesService)
    assert [port.target_port for port in resource.spec.ports] == [8080, "admin"]
    assert resource.spec.cluster_ip == "None"
    assert resource.labels == FrozenMap({"app": "details", "service": "details"})


@pytest.mark.parametrize("indent", ["", "spec:\n  "])
def test_mesh_config_may_have_its_fields_at_the_top_or_below_spec(indent: str) -> None:
    head = "apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\n"
    resource = accepted(f"{head}{indent}outboundTrafficPolicy: {{mode: REGISTRY_ONLY}}\n")
    assert resource.key == ResourceKey("MeshConfig", "", "default")
    assert isinstance(resource.spec, MeshConfig)
    assert resource.spec.outbound_traffic_policy.mode is OutboundTrafficPolicyMode.REGISTRY_ONLY


def test_mesh_config_at_the_top_is_checked_like_any_kind() -> None:
    error = the_diagnostic("apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nrootNamspace: x\n")
    assert (error.code, error.origin.field, error.hint) == (
        "unknown-field",
        "rootNamspace",
        "did you mean `rootNamespace`?",
    )


@pytest.mark.parametrize("kind", ["List", "DestinationRuleList"])
def test_a_list_is_expanded(kind: str) -> None:
    item = "{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: NAME}, spec: {host: a}}"
    items = "\n".join("- " + item.replace("NAME", name) for name in ("one", "two"))
    resources, diagnostics = decode_file(f"apiVersion: v1\nkind: {kind}\nitems:\n{items}\n".encode(), "a.yaml")
    assert diagnostics == ()
    assert [(resource.name, resource.origin.line) for resource in resources] == [("one", 4), ("two", 5)]
    assert codes(f"apiVersion: v1\nkind: {kind}\nitems: []\n") == []


def test_an_error_in_a_list_refuses_all_of_it() -> None:
    good = "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a}, spec: {hosts: [a]}}"
    resources, diagnostics = decode_file(f"kind: List\nitems:\n- {good}\n- {{}}\n".encode(), "a.yaml")
    assert resources == ()
    assert {one.code for one in diagnostics} == {"missing-field"}


def test_a_bad_document_gives_no_resource_and_the_others_go_on() -> None:
    text = document("DestinationRule", "host: a", name="a") + "---\n" + document("Gateway", "server: []", name="b")
    resources, diagnostics = decode_file(text.encode(), "a.yaml")
    assert [resource.name for resource in resources] == ["a"]
    assert [(one.code, one.origin.line) for one in diagnostics] == [("unknown-field", 13)]


@pytest.mark.parametrize("root", ["text", "[a, b]", "1"])
def test_a_document_must_be_a_mapping(root: str) -> None:
    assert the_diagnostic(root).code == "wrong-type"


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("sepc: {}", "did you mean `spec`?"),
        ("hosts: [a]", "indent it below `spec`"),
        ("// a comment: x", "YAML comments start with `#`, not with `//`"),
        ("zebra: x", ""),
    ],
)
def test_an_unknown_field_of_the_document_is_an_error(line: str, hint: str) -> None:
    error = the_diagnostic(document("VirtualService", "hosts: [a]") + line + "\n")
    assert (error.code, error.origin.line, error.hint) == ("unknown-field", 7, hint)


@pytest.mark.parametrize("end", ["", "spec:\n"])
def test_a_document_without_spec_is_an_error(end: str) -> None:
    text = f"apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{name: x}}\n{end}"
    error = the_diagnostic(text)
    assert error.is_error
    assert "`spec`" in error.message
    assert "says nothing" in the_diagnostic(text.removesuffix("spec:\n") + "spec: {}\n").message


def test_a_resource_that_one_file_gives_twice_is_an_error_with_both_places() -> None:
    text = document("DestinationRule", "host: a") + "---\n" + document("DestinationRule", "host: b")
    error = the_diagnostic(text)
    assert (error.code, error.origin.line) == ("duplicate-resource", 8)
    assert "DestinationRule default/reviews" in error.message
    assert "a.yaml:1:1" in error.message
    other = text.replace("kind: DestinationRule", "kind: WorkloadEntry", 1).replace("host: a", "address: 127.0.0.1")
    assert codes(other) == []


def test_diagnostics_come_in_the_order_of_the_lines() -> None:
    text = document("Gateway", "foo: 1") + "---\n" + document("DestinationRule", "host: a\nhost: a") + "---\nkind: x\n"
    _, diagnostics = decode_file(text.encode(), "a.yaml")
    lines = [diagnostic.origin.line for diagnostic in diagnostics]
    assert lines == sorted(lines)
    assert len(lines) == 3


def test_a_security_policy_is_an_error_unless_accepted() -> None:
    text = document("SomePolicy", "{}", api_version="security.istio.io/v1")
    assert the_diagnostic(text).severity is Severity.ERROR
    assert the_diagnostic(text, accept_unenforced=True).severity is Severity.WARNING


def test_the_published_bookinfo_kinds_pass_with_notes_only() -> None:
    frame = """
        apiVersion: v1
        kind: ServiceAccount
        metadata: {name: bookinfo-details}
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: details-v1}
        spec: {replicas: 1, selector: {matchLabels: {app: details}}}
        ---
        """
    text = dedent(frame) + document("DestinationRule", "host: details")
    resources, diagnostics = decode_file(text.encode(), "a.yaml")
    assert [one.severity for one in diagnostics] == [Severity.INFO, Severity.INFO]
    assert len(resources) == 1


def test_the_checks_of_a_kind_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(recorder: Recorder, resource: Resource[Any]) -> None:
        recorder.error("spec.hosts[0]", "invalid-host", f"{resource.name} is not a host")

    spec = replace(KINDS["networking.istio.io", "VirtualService"], check=check)
    monkeypatch.setattr(decode_module, "find_kind", lambda root, recorder: spec)
    resources, diagnostics = decode_file(document("VirtualService", "hosts: [x // y]").encode(), "a.yaml")
    assert resources == ()
    assert ("invalid-host", "YAML comments start with `#`, not with `//`") in [
        (one.code, one.hint) for one in diagnostics
    ]


def test_hostile_files_end_as_diagnostics() -> None:
    deep = "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: x}, spec: " + "[" * 60_000
    assert codes(deep) == ["nesting-too-deep"]
    many = document("VirtualService", "hosts: [" + "1, " * 50_000 + "]")
    assert len(codes(many)) == 100
    wide = document("VirtualService", "{" + ", ".join(f"f{n}: 1" for n in range(50_000)) + "}")
    assert len(codes(wide)) == 100
    long_key = document("KEY", "{}").replace("kind: KEY", "kind: " + "K" * 500_000)
    assert codes(long_key) == ["unknown-kind"]
    assert len(decode_file(long_key.encode(), "a.yaml")[1][0].message) < 300
    assert codes("a: 1\n---\n" * 5_001).count("too-many-documents") == 1


def test_a_truncated_file_never_raises() -> None:
    for length in range(len(RULE)):
        decode_file(RULE[:length], "a.yaml")


# fmt: off
_words = st.sampled_from([
    "hosts", "http", "match", "route", "destination", "host", "port", "number", "weight", "headers",
    "exact", "spec", "metadata", "name", "kind", "apiVersion", "VirtualService",
    "networking.istio.io/v1", "List", "items", "mode", "trafficPolicy", "tls", "timeout", "data",
    "mesh", "istio", "ConfigMap", "v1", "~", "//", "<<", "", "x // y",
])
# fmt: on
_scalars = st.one_of(_words, st.text(max_size=8), st.sampled_from(["1", "017", "true", "1.5", "5s", "-1", "null"]))


def _node(value: Any, plain: bool) -> Any:
    if isinstance(value, list):
        return Sequence(tuple(_node(item, plain) for item in value), 1, 1, 1)
    if isinstance(value, dict):
        entries = tuple((Scalar(key, plain, 1, 1, 1, 1), _node(item, plain)) for key, item in value.items())
        return Mapping(entries, 1, 1, 1)
    return Scalar(value, plain, 1, 1, 1, 1)


_trees = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_words, inner, max_size=4)),
    max_leaves=20,
)
_traffic_kinds = [row for row in KINDS.values() if row.type is not None]


@given(st.sampled_from(_traffic_kinds), _trees, st.booleans())
@settings(max_examples=300)
def test_decoding_never_raises_on_any_tree(row: Any, tree: Any, plain: bool) -> None:
    whole = {"apiVersion": row.api_versions[0], "kind": row.kind, "metadata": {"name": "x"}, "spec": tree}
    for root in (whole, tree):
        resources, diagnostics = decode(Document(_node(root, plain), "a.yaml", 0))
        assert not (resources and any(diagnostic.is_error for diagnostic in diagnostics))
        assert all(hash(resource.spec) is not None for resource in resources)


@given(st.data())
@settings(max_examples=200)
def test_a_spec_made_of_its_own_field_names_never_raises(data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(_traffic_kinds))

    def draw(message: Any, depth: int) -> Any:
        decoder = message_decoder(message)
        drawn: dict[str, Any] = {}
        for name in data.draw(st.lists(st.sampled_from(decoder.names or [""]), max_size=4, unique=True)):
            inner: Any = decoder.fields[name].message if name else None
            value = draw(inner, depth + 1) if inner is not None and depth < 4 else data.draw(_scalars)
            drawn[name] = data.draw(st.sampled_from([value, [value], {"a": value}]))
        return drawn

    whole = {"apiVersion": row.api_versions[0], "kind": row.kind, "metadata": {"name": "x"}, "spec": draw(row.type, 0)}
    decode(Document(_node(whole, True), "a.yaml", 0))
