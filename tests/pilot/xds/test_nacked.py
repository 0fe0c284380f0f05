"""Which resources a NACK is about, and what comes of it."""

from __future__ import annotations

import pytest

from pilot.xds.events import Respond
from pilot.xds.nacked import NackedResources, named_resources
from pilot.xds.resources import CLUSTER
from tests.pilot.xds.dialogue import NOTHING, Contents, resource, resources

NAMES = ("0.0.0.0_80", "0.0.0.0_8080", "outbound|9080||reviews", "outbound|9080|v1|reviews", "http.80", "80", "x.y")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Error adding/updating listener(s) 0.0.0.0_8080: no such filter", {"0.0.0.0_8080"}),
        ("Error adding/updating listener(s) 0.0.0.0_80: x, 0.0.0.0_8080: y\n", {"0.0.0.0_80", "0.0.0.0_8080"}),
        ("Error adding/updating cluster(s) outbound|9080|v1|reviews: bad", {"outbound|9080|v1|reviews"}),
        ("Only unique names for routes are supported: 'http.80'", {"http.80"}),
        ("route http.80.", {"http.80"}),
        ("in x.y.z", set()),
        ("Proto constraint validation failed", set()),
        ("", set()),
    ],
)
def test_the_resources_named_in_the_text(text: str, expected: set[str]) -> None:
    assert {r.name for r in named_resources([resource(name, "1") for name in NAMES], text)} == expected


def rejecting(*names: str, acked: Contents = NOTHING) -> NackedResources:
    """Version "bad" of these names was rejected by one who had ``acked``."""
    account = NackedResources()
    account.add([resource(name, "bad") for name in names], resources(CLUSTER, acked))
    return account


def response(contents: Contents, *removed: str) -> Respond:
    return Respond(CLUSTER, "", "1", resources(CLUSTER, contents), removed)


def test_a_rejection_is_forgotten_when_its_version_is_no_longer_wanted() -> None:
    account = rejecting("a", "b")
    assert account.has_any_of(resources(CLUSTER, {"a": "bad"}))
    account.forget_unwanted(resources(CLUSTER, {"a": "2", "b": "bad"}))
    assert account.versions == {"b": "bad"}
    assert not account.has_any_of(resources(CLUSTER, {"b": "2"}))


def test_what_is_acked_in_its_place_or_removed_ends_a_rejection() -> None:
    account = rejecting("a", "b", "c")
    account.forget_replaced(response({"a": "2"}, "b"))
    assert account.versions == {"c": "bad"}


def test_the_client_goes_on_with_what_it_had_before() -> None:
    account = rejecting("a", "new", acked={"a": "1"})
    found = account.acceptable(resources(CLUSTER, {"a": "bad", "new": "bad", "b": "1"}))
    assert found.versions == {"a": "1", "b": "1"}
    account.forget_replaced(Respond(CLUSTER, "", "2", found))
    assert account.versions == {"a": "bad", "new": "bad"}, "to be sent that once more repairs nothing"


def test_what_was_rejected_together_is_sent_again_when_a_part_of_it_changes() -> None:
    account = rejecting("a", "b")
    account.add_unattributed(response({"a": "bad", "b": "bad"}, "gone"))
    assert account.take_unattributed(resources(CLUSTER, {"a": "bad", "b": "bad"})) == (frozenset(), frozenset())
    assert account.take_unattributed(resources(CLUSTER, {"a": "2", "b": "bad"})) == (
        frozenset({"a", "b"}),
        frozenset({"gone"}),
    )
    assert not account.versions
    assert account.take_unattributed(resources(CLUSTER, {"a": "3"})) == (frozenset(), frozenset())
