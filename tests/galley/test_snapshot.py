"""ConfigSnapshot: indexes, precedence, and a version that depends on content alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from galley.frozen import FrozenMap
from galley.kinds.mesh_config import MeshConfig
from galley.kinds.networking.destination_rule import DestinationRule, Subset
from galley.kinds.networking.virtual_service import VirtualService
from galley.meta import Resource, ResourceKey
from galley.snapshot import build_snapshot
from galley.text.diagnostics import Origin


def a_resource(spec: Any, name: str, *, file: str = "a.yaml", line: int = 1, created: str = "") -> Resource[Any]:
    key = ResourceKey(type(spec).__name__, "default", name)
    return Resource(key=key, spec=spec, origin=Origin(file, line), created=created)


RULES = (
    a_resource(VirtualService(hosts=("reviews",)), "reviews", file="a.yaml"),
    a_resource(VirtualService(hosts=("ratings",)), "ratings", file="b.yaml"),
    a_resource(VirtualService(hosts=("old",)), "zzz", file="c.yaml", created="2020-01-01T00:00:00Z"),
    a_resource(VirtualService(hosts=("other",)), "reviews", file="d.yaml"),
    a_resource(DestinationRule(host="reviews", subsets=(Subset("v1", FrozenMap({"b": "1", "a": "2"})),)), "reviews"),
    a_resource(MeshConfig(proxy_http_port=15002), "mesh"),
)


@given(st.permutations(RULES))
def test_the_order_of_resources_changes_nothing(resources: list[Resource[Any]]) -> None:
    expected, expected_diagnostics = build_snapshot(RULES)
    snapshot, diagnostics = build_snapshot(resources)
    assert snapshot.version == expected.version
    assert [r.key for r in snapshot] == [r.key for r in expected]
    assert snapshot.of(VirtualService) == expected.of(VirtualService)
    assert diagnostics == expected_diagnostics


def test_resources_are_sorted_oldest_first_then_by_name() -> None:
    snapshot, _ = build_snapshot(RULES)
    assert [r.name for r in snapshot.of(VirtualService)] == ["zzz", "ratings", "reviews"]


def test_a_second_resource_with_one_key_is_an_error_that_names_both_places() -> None:
    snapshot, (diagnostic,) = build_snapshot(RULES)
    kept = snapshot.get(ResourceKey("VirtualService", "default", "reviews"))
    assert kept is RULES[0]
    assert diagnostic.is_error
    assert diagnostic.origin.file == "d.yaml"
    assert "a.yaml:1:1" in diagnostic.message


def test_the_mesh_is_the_resource_or_the_defaults() -> None:
    assert build_snapshot(RULES)[0].mesh.proxy_http_port == 15002
    assert build_snapshot(())[0].mesh == MeshConfig()
    assert build_snapshot(())[0].of(VirtualService) == ()


def test_the_version_ignores_places_and_sees_content() -> None:
    spec = VirtualService(hosts=("a",))
    version = build_snapshot([a_resource(spec, "a")])[0].version
    assert build_snapshot([a_resource(spec, "a", file="z.yaml", line=9)])[0].version == version
    assert build_snapshot([a_resource(VirtualService(hosts=("b",)), "a")])[0].version != version
    assert build_snapshot([a_resource(spec, "a", created="2020-01-01T00:00:00Z")])[0].version != version


def test_what_did_not_change_is_the_same_object_as_before() -> None:
    first, _ = build_snapshot(RULES[:3] + RULES[4:])
    changed = a_resource(DestinationRule(host="ratings"), "reviews")
    second, _ = build_snapshot((*RULES[:3], changed, RULES[5]), previous=first)
    assert second.of(VirtualService) is first.of(VirtualService)
    assert second.of(DestinationRule) == (changed,)
    assert second.changed_since(first) == {changed.key}
    fresh, _ = build_snapshot((*RULES[:3], changed, RULES[5]))
    assert fresh.version == second.version


def test_a_removed_resource_is_a_change() -> None:
    first, _ = build_snapshot(RULES[:2])
    second, _ = build_snapshot(RULES[:1], previous=first)
    assert second.changed_since(first) == {RULES[1].key}
    assert first.changed_since(first) == frozenset()
