"""Sets of resources: versions by content, and differences that are computed once for all who share them."""

from __future__ import annotations

from pilot.xds.resources import CLUSTER, ROUTE, EncodedResource, ResourceSnapshot
from tests.pilot.xds.dialogue import resources


def test_equal_content_has_equal_versions_in_any_order() -> None:
    assert resources(CLUSTER, {"a": "1", "b": "2"}).version == resources(CLUSTER, {"b": "2", "a": "1"}).version
    assert resources(CLUSTER, {"a": "1"}).version != resources(CLUSTER, {"a": "2"}).version
    assert resources(CLUSTER, {"a": "1"}).version != resources(CLUSTER, {}).version


def test_a_type_that_is_not_served_is_empty() -> None:
    assert not len(ResourceSnapshot([resources(CLUSTER, {"a": "1"})]).of(ROUTE))


def test_since_tells_what_changed_and_what_is_gone() -> None:
    change = resources(CLUSTER, {"same": "1", "new": "1", "other": "2"}).since(
        resources(CLUSTER, {"same": "1", "other": "1", "gone": "1"})
    )
    assert list(change.changed.names()) == ["new", "other"]
    assert change.removed == ("gone",)


def test_nothing_changed_since_equal_content() -> None:
    assert not resources(CLUSTER, {"a": "1"}).since(resources(CLUSTER, {"a": "1"}))


def test_since_nothing_everything_changed_and_it_is_the_set_itself() -> None:
    found = resources(CLUSTER, {"a": "1"})
    assert found.since(resources(CLUSTER, {})).changed is found


def test_the_same_difference_is_one_object() -> None:
    new = resources(CLUSTER, {"a": "2", "b": "1"})
    assert new.since(resources(CLUSTER, {"a": "1", "b": "1"})) is new.since(resources(CLUSTER, {"a": "1", "b": "1"}))


def test_a_selection_of_everything_is_the_set_itself_and_equal_selections_are_one_object() -> None:
    found = resources(CLUSTER, {"a": "1", "b": "1"})
    assert found.select(frozenset(["a", "b", "c"])) is found
    assert found.select(frozenset("a")) is found.select(frozenset("a"))
    assert list(found.select(frozenset(["a", "c"])).names()) == ["a"]


def test_without_leaves_names_out() -> None:
    found = resources(CLUSTER, {"a": "1", "b": "1"})
    assert list(found.without({"a"}).names()) == ["b"]
    assert found.without({"c"}) is found


def test_joined_by_adds_what_is_missing_and_keeps_its_own() -> None:
    joined = resources(CLUSTER, {"a": "1"}).joined_by(list(resources(CLUSTER, {"a": "2", "b": "2"})))
    assert [(r.name, r.version) for r in joined] == [("a", "1"), ("b", "2")]


def test_joined_by_does_not_take_a_version_without_bytes_for_the_whole() -> None:
    found = resources(CLUSTER, {"a": "1"})
    found.joined_by([EncodedResource("b", "1", b"")])
    b = found.joined_by([EncodedResource("b", "1", b"bytes")]).get("b")
    assert b is not None
    assert b.any == b"bytes"


def test_derived_values_are_kept_and_bounded() -> None:
    found = resources(CLUSTER, {})
    made = [found.derive(n, object) for n in range(40)]
    assert found.derive(39, object) is made[39]
    assert found.derive(0, object) is not made[0]


def test_with_rest_of_adds_what_only_the_other_has() -> None:
    found = resources(CLUSTER, {"a": "1"})
    assert [(r.name, r.version) for r in found.with_rest_of(resources(CLUSTER, {"a": "2", "b": "2"}))] == [
        ("a", "1"),
        ("b", "2"),
    ]
    assert found.with_rest_of(resources(CLUSTER, {"a": "2"})) is found


def test_versions_are_those_of_the_resources_by_name() -> None:
    assert resources(CLUSTER, {"a": "1", "b": "2"}).versions == {"a": "1", "b": "2"}
