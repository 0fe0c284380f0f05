"""Name, namespace, labels, annotations and creation time."""

from __future__ import annotations

import pytest

from galley.decoding.metadata import ObjectMeta, decode_metadata
from galley.frozen import FrozenMap
from galley.text.compose import compose
from galley.text.diagnostics import Diagnostic, Origin
from galley.text.nodes import Mapping
from galley.text.recorder import Recorder


def decoded(text: str, default_name: str = "") -> tuple[ObjectMeta, list[Diagnostic]]:
    documents, diagnostics = compose(text.encode(), "a.yaml")
    assert diagnostics == ()
    root = documents[0].root
    assert isinstance(root, Mapping)
    recorder = Recorder(Origin("a.yaml"))
    return decode_metadata(root, recorder, default_name=default_name), recorder.diagnostics


def test_metadata_as_kubectl_prints_it() -> None:
    meta, diagnostics = decoded(
        """
        metadata:
          name: reviews
          namespace: bookinfo
          labels: {app: reviews}
          annotations: {a/b: c}
          creationTimestamp: "2026-01-31T12:00:00Z"
          uid: x
          resourceVersion: "1"
          generation: 2
          managedFields: [{manager: kubectl, fieldsV1: {f:a: {}}}]
          finalizers: [~]
        """
    )
    assert diagnostics == []
    assert meta == ObjectMeta(
        name="reviews",
        namespace="bookinfo",
        labels=FrozenMap({"app": "reviews"}),
        annotations=FrozenMap({"a/b": "c"}),
        creation_timestamp="2026-01-31T12:00:00Z",
    )


def test_the_namespace_is_default_and_a_null_timestamp_is_none() -> None:
    meta, diagnostics = decoded("metadata: {name: x, creationTimestamp: null}")
    assert (meta, diagnostics) == (ObjectMeta(name="x", namespace="default", creation_timestamp=""), [])


@pytest.mark.parametrize("text", ["kind: x", "metadata: {}", "metadata:", "metadata: {generateName: x-}"])
def test_a_name_is_needed_unless_there_is_a_default(text: str) -> None:
    _, diagnostics = decoded(text)
    assert len(diagnostics) == 1
    assert diagnostics[0].is_error
    if text != "metadata:":
        assert diagnostics[0].origin.field == "metadata.name"
        assert decoded(text, default_name="mesh") == (ObjectMeta(name="mesh"), [])


@pytest.mark.parametrize("name", ["reviews", "a", "reviews.bookinfo", "a-b.c-1", "0a", "x" * 253])
def test_names_of_kubernetes_are_taken(name: str) -> None:
    assert decoded(f"metadata: {{name: '{name}'}}")[1] == []


@pytest.mark.parametrize(
    "name", ["Reviews", "a_b", "-a", "a-", "a..b", ".a", "a b", "a/b", "ä", "x" * 254, "-" * 100_000]
)
def test_other_names_are_refused(name: str) -> None:
    _, diagnostics = decoded(f"metadata:\n  name: '{name}'")
    assert [(one.code, one.origin.line, one.origin.column) for one in diagnostics] == [("invalid-name", 2, 9)]


@pytest.mark.parametrize("namespace", ["Default", "a.b", "a_b", "''", "x" * 64])
def test_other_namespaces_are_refused(namespace: str) -> None:
    _, diagnostics = decoded(f"metadata: {{name: x, namespace: {namespace}}}")
    assert [(one.code, one.origin.field) for one in diagnostics] == [("invalid-name", "metadata.namespace")]


def test_times_are_turned_into_utc_so_that_they_sort() -> None:
    meta, _ = decoded("metadata: {name: x, creationTimestamp: 2026-01-31T01:00:00+02:00}")
    assert meta.creation_timestamp == "2026-01-30T23:00:00Z"


@pytest.mark.parametrize(
    "time", ["yesterday", "2026-01-31T12:00:00", "2026-13-31T12:00:00Z", "0001-01-01T00:00:00+23:00"]
)
def test_other_times_are_refused(time: str) -> None:
    _, diagnostics = decoded(f"metadata: {{name: x, creationTimestamp: '{time}'}}")
    assert [one.code for one in diagnostics] == ["invalid-time"]


@pytest.mark.parametrize(
    "text", ["metadata: x", "metadata: []", "metadata: {name: 1}", "metadata: {name: x, labels: {a: 1}}"]
)
def test_wrong_types_are_refused(text: str) -> None:
    _, diagnostics = decoded(text)
    assert diagnostics[0].code == "wrong-type"
