"""From a field path to the node, and to the place where it is written."""

from __future__ import annotations

from galley.meta import Resource, ResourceKey, origin_at
from galley.text.compose import compose
from galley.text.diagnostics import Origin
from galley.text.nodes import Node, Scalar, at_key, below, locate


def the_root(text: str) -> Node:
    documents, diagnostics = compose(text.encode(), "a.yaml")
    assert diagnostics == ()
    return documents[0].root


def test_a_path_that_does_not_exist_leads_to_its_nearest_ancestor() -> None:
    root = the_root("spec:\n  http:\n  - timeout: 5s\n  labels: {a.b/c: x}\n")
    assert locate(root, "spec.http[0].timeout").line == 3
    assert locate(root, "spec.http[0].retries.attempts") is locate(root, "spec.http[0]")
    assert locate(root, "spec.http[7]") is locate(root, "spec.http")
    assert locate(root, 'spec.labels["a.b/c"]') == Scalar("x", True, 4, 19, 4, 20)
    assert locate(root, "") is root


def test_a_field_of_a_resource_has_an_origin() -> None:
    origin = Origin("a.yaml", 1, 1)
    resource = Resource(ResourceKey("X", "default", "x"), None, origin, tree=the_root("spec:\n  hosts:\n  - a\n"))
    assert origin_at(resource, "spec.hosts[0]") == Origin("a.yaml", 3, 5, "spec.hosts[0]")
    without_tree = Resource(ResourceKey("X", "default", "x"), None, origin)
    assert origin_at(without_tree, "spec.hosts[0]") == Origin("a.yaml", 1, 1, "spec.hosts[0]")


def test_paths_of_entries_of_maps_hold_the_key_in_brackets() -> None:
    assert at_key("spec.labels", "a.b/c") == 'spec.labels["a.b/c"]'
    assert len(at_key("spec.labels", "x" * 1_000_000)) == len('spec.labels[""]') + 64
    assert below("spec", "host") == "spec.host"
    assert below("", "host") == "host"
