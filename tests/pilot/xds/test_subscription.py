"""What a client asks for, and endpoints that know their cluster."""

from __future__ import annotations

from pilot.xds.resources import CLUSTER, ENDPOINT
from pilot.xds.subscription import Subscription, Watch, keep_paired, pair_endpoint, pair_endpoints
from tests.pilot.xds.dialogue import resource, resources


def test_an_empty_list_is_a_wildcard_until_names_were_sent() -> None:
    first = Subscription().asking_for((), CLUSTER)
    assert first.wildcard
    named = first.asking_for(("a",), CLUSTER)
    assert not named.wildcard
    assert not named.asking_for((), CLUSTER).active


def test_an_empty_list_asks_for_no_endpoints() -> None:
    assert not Subscription().asking_for((), ENDPOINT).active


def test_an_asterisk_is_no_name() -> None:
    asked = Subscription().asking_for(("*", "a"), ENDPOINT)
    assert asked.wildcard
    assert asked.names == {"a"}


def test_a_name_in_both_lists_ends_up_unsubscribed() -> None:
    assert Subscription().changed_by(("a", "b"), ("b",)).names == {"a"}
    assert not Subscription().changed_by(("*",), ("*",)).active


def test_names_are_shared_with_the_set_that_has_exactly_them() -> None:
    found = resources(ENDPOINT, {"a": "1", "b": "1"})
    assert Subscription(names=frozenset(("b", "a"))).sharing(found).names is found.name_set
    assert Subscription(names=frozenset("a")).sharing(found).names == {"a"}


def test_the_version_of_a_paired_endpoint_follows_its_cluster_and_its_bytes_do_not() -> None:
    endpoints, clusters = resources(ENDPOINT, {"a": "1", "alone": "1"}), resources(CLUSTER, {"a": "7"})
    paired = pair_endpoints(endpoints, clusters)
    assert [(r.name, r.version, r.any) for r in paired] == [("a", "1@7", b"1"), ("alone", "1", b"1")]
    assert pair_endpoints(endpoints, resources(CLUSTER, {"a": "7", "inbound": "1"})) is paired


def test_a_paired_endpoint_is_paired_anew() -> None:
    once = pair_endpoint(resource("a", "1"), resource("a", "7"))
    assert pair_endpoint(once, resource("a", "8")).version == "1@8"


def test_a_rejection_is_forgotten_when_its_version_is_no_longer_wanted() -> None:
    watch = Watch(CLUSTER, resources(CLUSTER, {}))
    watch.reject([resource("a", "1"), resource("b", "1")])
    assert watch.is_rejecting(resources(CLUSTER, {"a": "1"}))
    watch.prune_rejected(resources(CLUSTER, {"a": "2", "b": "1"}))
    assert watch.rejected == {"b": "1"}
    assert not watch.is_rejecting(resources(CLUSTER, {"b": "2"}))


def test_endpoints_kept_for_another_version_of_their_cluster_do_not_count() -> None:
    kept = resources(ENDPOINT, {"a": "1@7", "b": "1@7", "alone": "1"})
    assert set(keep_paired(kept, resources(CLUSTER, {"a": "7", "b": "8"})).names()) == {"a", "alone"}
