"""Dialogues of incremental streams: one test for each rule, named by it."""

from __future__ import annotations

from pilot.xds.delta import DeltaStream
from pilot.xds.events import DeltaRequested, Respond
from pilot.xds.resources import ResourceSnapshot, TypeUrl
from tests.pilot.xds.dialogue import FULL, DeltaDialogue, everything, snapshot


def synced(published: ResourceSnapshot = FULL, *names: str) -> DeltaDialogue:
    """A client that holds all of ``published``, endpoints and routes by name, and has acknowledged it."""
    client = DeltaDialogue()
    client.publish(published)
    for short, asked in {"CDS": (), "EDS": names or ("a",), "LDS": (), "RDS": ("r",)}.items():
        client.asks(short, *asked)
        client.acks(short)
    assert client.stream.is_settled
    return client


def test_one_response_is_in_flight_per_type_and_a_newer_snapshot_replaces_the_one_that_waits() -> None:
    client = DeltaDialogue()
    client.publish(snapshot(clusters={"a": "1"}))
    assert client.asks("CDS") == ["CDS a=1"]
    assert client.publish(snapshot(clusters={"a": "2"})) == []
    assert client.publish(snapshot(clusters={"a": "3", "b": "1"})) == []
    assert client.acks("CDS") == ["ack CDS", "CDS a=3 b=1"]
    assert client.acks("CDS") == ["ack CDS"]


def test_nothing_is_answered_before_the_first_snapshot() -> None:
    client = DeltaDialogue()
    assert client.asks("EDS", "a") == []
    assert client.asks("CDS") == []
    assert client.publish(FULL) == ["CDS a=1", "EDS a=1"]


def test_only_what_changed_is_sent() -> None:
    client = synced(snapshot(clusters={"a": "1", "b": "1"}))
    assert client.publish(snapshot(clusters={"a": "1", "b": "2", "c": "1"})) == ["CDS b=2 c=1"]


def test_a_request_with_a_stale_nonce_still_changes_the_subscription() -> None:
    client = synced(snapshot(endpoints={"a": "1", "b": "1"}))
    assert client.asks("EDS", "b", nonce="long ago") == ["EDS b=1"]
    client.acks("EDS")
    assert client.asks("EDS", drop=["a"], nonce="long ago") == []
    assert client.publish(snapshot(endpoints={"a": "2", "b": "2"})) == ["EDS b=2"]


def test_a_stale_nonce_acknowledges_nothing() -> None:
    client = synced()
    old = client.nonces["CDS"]
    client.publish(snapshot(clusters={"a": "2"}))
    assert client.asks("CDS", nonce=old) == []
    assert not client.stream.is_settled


def test_a_rejected_version_is_reported_and_not_sent_again_until_it_changes() -> None:
    client = DeltaDialogue()
    bad = snapshot(clusters={"a": "1", "bad": "1"})
    client.publish(bad)
    client.asks("CDS")
    error = "Error adding/updating cluster(s) bad: no such filter"
    assert client.acks("CDS", error=error) == [f"nack CDS bad: {error}"]
    assert client.publish(bad) == []
    assert client.publish(snapshot(clusters={"a": "2", "bad": "1"})) == ["CDS a=2"]
    client.acks("CDS")
    assert client.publish(snapshot(clusters={"a": "2", "bad": "2"})) == ["CDS bad=2"]


def test_a_removal_refused_with_a_bad_resource_is_said_again_without_it() -> None:
    client = synced(snapshot(clusters={"a": "1", "gone": "1"}))
    assert client.publish(snapshot(clusters={"a": "bad"})) == ["CDS a=bad -gone"]
    assert client.acks("CDS", error="constraint") == ["nack CDS a: constraint", "CDS -gone"]
    assert client.acks("CDS") == ["ack CDS"]
    assert client.publish(snapshot(clusters={"a": "2"})) == ["CDS a=2"]


def test_a_removal_refused_alone_is_not_said_for_ever() -> None:
    client = synced(snapshot(clusters={"a": "1", "gone": "1"}))
    assert client.publish(snapshot(clusters={"a": "1"})) == ["CDS -gone"]
    assert client.acks("CDS", error="no") == ["nack CDS : no"]


def test_new_names_on_a_known_nonce_are_answered() -> None:
    client = synced(snapshot(endpoints={"a": "1", "b": "1"}))
    assert client.asks("EDS", "b") == ["EDS b=1"]
    assert client.acks("EDS", "c") == ["ack EDS", "EDS -c"]


def test_a_name_held_and_subscribed_again_is_sent_again() -> None:
    client = synced()
    assert client.asks("EDS", "a") == ["EDS a=1"]


def test_letting_go_of_a_name_never_asked_for_is_ignored() -> None:
    client = synced()
    assert client.asks("EDS", drop=["nobody"]) == []
    assert client.asks("CDS", drop=["nobody"]) == []


def test_a_name_let_go_while_the_wildcard_is_on_is_answered() -> None:
    client = synced()
    assert client.asks("CDS", "a", "gone") == ["CDS a=1 -gone"]
    client.acks("CDS")
    assert client.asks("CDS", drop=["a", "gone"]) == ["CDS a=1 -gone"]


def test_a_name_that_does_not_exist_is_answered_as_removed_and_remembered() -> None:
    client = DeltaDialogue()
    client.publish(snapshot(endpoints={"a": "1"}))
    assert client.asks("EDS", "a", "later") == ["EDS a=1 -later"]
    client.acks("EDS")
    assert client.publish(snapshot(endpoints={"a": "1", "later": "1"})) == ["EDS later=1"]


def test_an_empty_first_request_is_a_wildcard_for_listeners_and_clusters_only() -> None:
    client = DeltaDialogue()
    client.publish(everything(x="1"))
    assert [client.asks(short) for short in ("CDS", "EDS", "LDS", "RDS", "SDS")] == [
        ["CDS x=1"],
        [],
        ["LDS x=1"],
        [],
        [],
    ]


def test_an_asterisk_asks_for_everything_until_it_is_let_go() -> None:
    client = DeltaDialogue()
    client.publish(snapshot(routes={"r": "1", "s": "1"}))
    assert client.asks("RDS", "*", "r") == ["RDS r=1 s=1"]
    client.acks("RDS")
    assert client.asks("RDS", drop=["*"]) == []
    assert client.publish(snapshot(routes={"r": "2", "s": "2"})) == ["RDS r=2"]


def test_the_implied_wildcard_is_let_go_by_an_asterisk() -> None:
    client = DeltaDialogue()
    client.publish(snapshot(clusters={"a": "1"}))
    client.asks("CDS")
    client.acks("CDS")
    assert client.asks("CDS", drop=["*"]) == []
    assert client.publish(snapshot(clusters={"a": "2"})) == []


def test_an_asterisk_taken_and_let_go_at_once_asks_for_nothing() -> None:
    client = DeltaDialogue()
    client.publish(FULL)
    assert client.asks("CDS", "*", drop=["*"]) == []


def test_an_empty_wildcard_is_answered_so_that_the_client_can_start() -> None:
    client = DeltaDialogue()
    client.publish(snapshot())
    assert client.asks("LDS") == ["LDS"]
    assert client.acks("LDS") == ["ack LDS"]


def test_clusters_come_before_endpoints_before_listeners_before_routes() -> None:
    client = synced()
    both = snapshot(clusters={"a": "2"}, endpoints={"a": "2"}, listeners={"l": "2"}, routes={"r": "2"})
    assert client.publish(both) == ["CDS a=2", "EDS a=2"]
    assert client.acks("CDS") == ["ack CDS"]
    assert client.acks("EDS") == ["ack EDS", "LDS l=2", "RDS r=2"]


def test_removals_come_last() -> None:
    before = snapshot(
        clusters={"a": "1", "b": "1"}, endpoints={"a": "1", "b": "1"}, listeners={"l": "1"}, routes={"r": "b"}
    )
    client = synced(before, "a", "b")
    after = snapshot(clusters={"a": "1", "c": "1"}, endpoints={"a": "1"}, listeners={"l": "1"}, routes={"r": "c"})
    assert client.publish(after) == ["CDS c=1"]
    assert client.acks("CDS") == ["ack CDS", "RDS r=c"]
    assert client.acks("RDS") == ["ack RDS", "CDS -b", "EDS -b"]
    client.acks("CDS")
    assert client.acks("EDS") == ["ack EDS"]
    assert client.stream.is_settled


def test_a_route_is_removed_after_the_listener_that_named_it() -> None:
    client = synced()
    after = snapshot(clusters={"a": "1"}, endpoints={"a": "1"}, listeners={"l": "2"})
    assert client.publish(after) == ["LDS l=2"]
    assert client.acks("LDS") == ["ack LDS", "RDS -r"]


def test_a_rejected_route_keeps_the_clusters_of_the_route_before_it() -> None:
    client = synced(snapshot(clusters={"a": "1", "b": "1"}, listeners={"l": "1"}, routes={"r": "b"}))
    assert client.publish(snapshot(clusters={"a": "1"}, listeners={"l": "1"}, routes={"r": "bad"})) == ["RDS r=bad"]
    assert client.acks("RDS", error="bad") == ["nack RDS r: bad"]
    assert client.publish(snapshot(clusters={"a": "1"}, listeners={"l": "1"}, routes={"r": "a"})) == ["RDS r=a"]
    assert client.acks("RDS") == ["ack RDS", "CDS -b"]


def test_a_changed_cluster_is_followed_by_its_endpoints() -> None:
    client = synced(snapshot(clusters={"a": "1", "b": "1"}, endpoints={"a": "1", "b": "1"}), "a", "b")
    changed = snapshot(clusters={"a": "2", "b": "1"}, endpoints={"a": "1", "b": "1"})
    assert client.publish(changed) == ["CDS a=2", "EDS a=1"]


def test_a_reconnecting_client_is_sent_only_what_differs_and_what_is_gone() -> None:
    client = DeltaDialogue()
    client.publish(snapshot(clusters={"same": "1", "other": "2", "new": "1"}))
    assert client.asks("CDS", holds={"same": "1", "other": "1", "gone": "1"}) == ["CDS new=1 other=2"]
    assert client.acks("CDS") == ["ack CDS", "CDS -gone"]


def test_a_reconnecting_client_keeps_its_clusters_until_it_has_the_routes_that_do_without_them() -> None:
    client = DeltaDialogue()
    client.publish(snapshot(clusters={"a": "1"}, listeners={"l": "1"}, routes={"r": "a"}))
    assert client.asks("CDS", holds={"a": "1", "gone": "1"}) == ["CDS"]
    assert client.asks("LDS", holds={"l": "1"}) == ["ack LDS"]
    assert client.asks("RDS", "r", holds={"r": "gone"}) == []
    assert client.acks("CDS") == ["ack CDS", "RDS r=a"]
    assert client.acks("RDS") == ["ack RDS", "CDS -gone"]


def test_a_reconnecting_client_keeps_its_clusters_also_when_the_change_comes_between_its_first_requests() -> None:
    client = DeltaDialogue()
    client.publish(snapshot(clusters={"a": "1", "b": "1"}, listeners={"l": "1"}, routes={"r": "b"}))
    assert client.asks("CDS", holds={"a": "1", "b": "1"}) == ["ack CDS"]
    assert client.publish(snapshot(clusters={"a": "1"}, listeners={"l": "1"}, routes={"r": "a"})) == ["CDS"]
    assert client.asks("LDS", holds={"l": "1"}) == ["ack LDS"]
    assert client.asks("RDS", "r", holds={"r": "b"}) == []
    assert client.acks("CDS") == ["ack CDS", "RDS r=a"]
    assert client.acks("RDS") == ["ack RDS", "CDS -b"]


def test_a_reconnecting_client_is_sent_nothing_that_it_holds() -> None:
    client = DeltaDialogue()
    client.publish(FULL)
    assert client.asks("CDS", holds={"a": "1"}) == ["ack CDS"]
    assert client.asks("EDS", "a", holds={"a": "1@1"}) == ["ack EDS"]
    assert client.asks("LDS", holds={"l": "1"}) == ["ack LDS"]
    assert client.asks("RDS", "r", holds={"r": "1"}) == ["ack RDS"]
    assert client.publish(snapshot(clusters={"a": "1"}, endpoints={"a": "2"}, listeners={"l": "1"})) == ["EDS a=2"]
    assert client.acks("EDS") == ["ack EDS", "RDS -r"]


def test_a_reconnecting_client_whose_cluster_still_warms_gets_its_endpoints() -> None:
    client = DeltaDialogue()
    client.publish(snapshot(clusters={"a": "2"}, endpoints={"a": "1"}))
    assert client.asks("CDS", holds={"a": "2"}) == ["ack CDS"]
    assert client.asks("EDS", "a", holds={"a": "1@1"}) == ["EDS a=1"]


def test_a_reconnecting_client_whose_cluster_was_changed_and_changed_back_gets_its_endpoints() -> None:
    client = DeltaDialogue()
    client.publish(FULL)
    assert client.asks("CDS", holds={"a": "2"}) == ["CDS a=1"]
    assert client.asks("EDS", "a", holds={"a": "1@1"}) == ["EDS a=1"]


def test_what_a_reconnecting_client_holds_of_other_names_is_its_own_affair() -> None:
    client = DeltaDialogue()
    client.publish(snapshot(endpoints={"a": "1"}))
    assert client.asks("EDS", "a", holds={"a": "1", "b": "1"}) == ["ack EDS"]


def test_a_version_known_without_its_bytes_is_never_sent_to_another() -> None:
    old = snapshot(clusters={"a": "1", "b": "1"}, routes={"r": "b"})
    new = snapshot(clusters={"a": "2"}, routes={"r": "a"})
    returning = DeltaDialogue()
    returning.publish(new)
    returning.asks("RDS", "r", holds={"r": "b"})
    assert returning.asks("CDS", holds={"a": "1", "b": "1"}) == ["CDS a=2"]
    staying = DeltaDialogue()
    staying.publish(old)
    staying.asks("CDS"), staying.acks("CDS"), staying.asks("RDS", "r"), staying.acks("RDS")
    staying.publish(new)
    response = staying.last[0]
    assert isinstance(response, Respond)
    assert all(r.any for r in response.resources)


def test_duplicate_names_are_answered_once() -> None:
    client = DeltaDialogue()
    client.publish(snapshot(endpoints={"a": "1"}))
    assert client.asks("EDS", "a", "a", "b", "b") == ["EDS a=1 -b"]


def test_a_request_without_a_type_ends_the_stream() -> None:
    assert DeltaDialogue().play(DeltaRequested(TypeUrl(""))) == ["abort INVALID_ARGUMENT"]


def test_each_resource_carries_its_own_version() -> None:
    client = DeltaDialogue()
    client.publish(snapshot(clusters={"a": "1"}, endpoints={"a": "1"}))
    client.asks("CDS")
    client.asks("EDS", "a")
    response = client.last[0]
    assert isinstance(response, Respond)
    assert [(r.name, r.version) for r in response.resources] == [("a", "1@1")]


def test_names_of_a_type_that_is_not_served_are_answered_as_absent_one_answer_at_a_time() -> None:
    stream, other = DeltaStream(), TypeUrl("type.googleapis.com/envoy.service.runtime.v3.Runtime")
    (response,) = stream.handle(DeltaRequested(other, ("b", "a", "*")))
    assert isinstance(response, Respond)
    assert (response.removed, tuple(response.resources)) == (("a", "b"), ())
    assert list(stream.handle(DeltaRequested(other, ("c",)))) == [], "the first is not answered yet"
    assert list(stream.handle(DeltaRequested(other, nonce=response.nonce))) == []
    (response,) = stream.handle(DeltaRequested(other, ("c",)))
    assert isinstance(response, Respond)
    assert response.removed == ("c",)
    made_up = [list(stream.handle(DeltaRequested(TypeUrl(f"type/{n}"), ("x",)))) for n in range(60)]
    assert sum(map(len, made_up)) == 7, "nothing is kept of types without end"
