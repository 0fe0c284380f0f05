"""Dialogues of state-of-the-world streams: one test for each rule, named by it."""

from __future__ import annotations

from pilot.xds.events import Acked, Nacked, Published, Requested, Respond
from pilot.xds.resources import CLUSTER, ENDPOINT, ROUTE, EncodedResource, TypeUrl
from pilot.xds.sotw import SotwStream
from pilot.xds.stream import LONGEST_NAME
from tests.pilot.xds.dialogue import FULL, SotwDialogue, everything, snapshot, synced_sotw


def test_one_response_is_in_flight_per_type_and_a_newer_snapshot_replaces_the_one_that_waits() -> None:
    client = SotwDialogue()
    assert client.publish(snapshot(clusters={"a": "1"})) == []
    assert client.asks("CDS") == ["CDS a=1"]
    assert client.publish(snapshot(clusters={"a": "2"})) == []
    assert client.publish(snapshot(clusters={"a": "3"})) == []
    assert client.asks("CDS") == ["ack CDS", "CDS a=3"]
    assert client.asks("CDS") == ["ack CDS"]


def test_nothing_is_answered_before_the_first_snapshot() -> None:
    client = SotwDialogue()
    assert client.asks("CDS") == []
    assert client.asks("LDS") == []
    assert client.publish(FULL) == ["CDS a=1", "LDS l=1"]


def test_a_stale_nonce_is_ignored() -> None:
    client = synced_sotw()
    old = client.nonces["EDS"]
    assert client.publish(snapshot(clusters={"a": "1"}, endpoints={"a": "2", "b": "1"})) == ["EDS a=2"]
    assert client.asks("EDS", "a", "b", nonce=old) == []
    assert client.asks("EDS", "a", "b") == ["ack EDS", "EDS b=1"]


def test_a_rejected_version_is_reported_and_not_sent_again_until_it_changes() -> None:
    client = SotwDialogue()
    bad = snapshot(clusters={"a": "1", "bad": "1"})
    client.publish(bad)
    client.asks("CDS")
    error = "Error adding/updating cluster(s) bad: no such filter"
    assert client.asks("CDS", error=error) == [f"nack CDS bad: {error}"]
    assert client.publish(bad) == []
    assert client.publish(snapshot(clusters={"a": "1", "bad": "2"})) == ["CDS a=1 bad=2"]


def test_a_complete_set_has_what_the_client_goes_on_with_in_the_place_of_what_it_rejected() -> None:
    client = SotwDialogue()
    client.publish(snapshot(clusters={"a": "1", "b": "1"}))
    client.asks("CDS")
    client.asks("CDS")
    assert client.publish(snapshot(clusters={"a": "1", "b": "bad", "c": "bad"})) == ["CDS a=1 b=bad c=bad"]
    error = "Error adding/updating cluster(s) b: no such filter, c: no such filter"
    assert client.asks("CDS", error=error) == [f"nack CDS b c: {error}", "CDS a=1 b=1 c=bad"]
    error = "Error adding/updating cluster(s) c: no such filter"
    assert client.asks("CDS", error=error) == [f"nack CDS c: {error}"]
    assert client.publish(snapshot(clusters={"a": "2", "b": "bad", "c": "bad"})) == ["CDS a=2 b=1"]
    assert client.asks("CDS") == ["ack CDS"]
    assert client.stream.nacked_versions(CLUSTER) == {"b": "bad", "c": "bad"}, "still refused"
    repaired = client.publish(snapshot(clusters={"a": "2", "b": "2", "c": "bad"}))
    assert repaired == ["CDS a=2 b=2 c=bad"], "it was refused together with b, which is another now"
    assert client.asks("CDS", error=error) == [f"nack CDS c: {error}"]
    assert client.stream.nacked_versions(CLUSTER) == {"c": "bad"}


def test_a_rejected_resource_is_left_out_of_partial_responses_until_it_changes() -> None:
    client = synced_sotw()
    assert client.asks("RDS", "r", "s") == ["RDS s=empty"]
    client.asks("RDS", "r", "s")
    client.publish(snapshot(clusters={"a": "1"}, listeners={"l": "1"}, routes={"r": "bad", "s": "1"}))
    error = "Only unique values for domains are permitted. Duplicate entry of domain x in route r"
    refused = client.asks("RDS", "r", "s", error=error)
    assert refused == [f"nack RDS r: {error}", "RDS s=1"]
    assert client.asks("RDS", "r", "s") == ["ack RDS"]
    changed = snapshot(clusters={"a": "1"}, listeners={"l": "1"}, routes={"r": "bad", "s": "2"})
    assert client.publish(changed) == ["RDS s=2"]
    assert client.asks("RDS", "r", "s") == ["ack RDS"]
    assert client.stream.nacked_versions(ROUTE) == {"r": "bad"}
    fixed = snapshot(clusters={"a": "1"}, listeners={"l": "1"}, routes={"r": "2", "s": "2"})
    assert client.publish(fixed) == ["RDS r=2"]
    assert client.asks("RDS", "r", "s") == ["ack RDS"]
    assert not client.stream.nacked_versions(ROUTE)


def test_routes_refused_together_by_a_text_without_names_are_tried_apart() -> None:
    client = SotwDialogue()
    client.publish(snapshot(routes={"r": "bad", "s": "1", "t": "1"}))
    client.asks("RDS", "r", "s")
    assert client.asks("RDS", "r", "s", error="constraint") == ["nack RDS r s: constraint", "RDS r=bad"]
    assert client.asks("RDS", "r", "s", error="constraint") == ["nack RDS r: constraint", "RDS s=1"]
    assert client.asks("RDS", "r", "s") == ["ack RDS"]
    assert client.stream.nacked_versions(ROUTE) == {"r": "bad"}
    assert client.publish(snapshot(routes={"r": "bad", "s": "1", "t": "2"})) == []
    assert client.publish(snapshot(routes={"r": "2", "s": "1", "t": "2"})) == ["RDS r=2"]


def test_what_was_refused_together_is_tried_again_when_a_part_of_it_changes() -> None:
    client = SotwDialogue()
    client.publish(snapshot(routes={"r": "1", "s": "1"}))
    client.asks("RDS", "r", "s")
    client.asks("RDS", "r", "s", error="r and s do not go together")
    assert client.asks("RDS", "r", "s") == ["ack RDS", "RDS s=1"]
    assert client.asks("RDS", "r", "s", error="s is too much") == ["nack RDS s: s is too much"]
    assert client.publish(snapshot(routes={"r": "2", "s": "1"})) == ["RDS r=2 s=1"]
    assert client.asks("RDS", "r", "s") == ["ack RDS"]
    assert not client.stream.nacked_versions(ROUTE)


def test_new_names_on_a_known_nonce_are_answered_and_nothing_else() -> None:
    client = synced_sotw(snapshot(clusters={"a": "1"}, endpoints={"a": "1", "b": "1"}, listeners={"l": "1"}))
    assert client.asks("EDS", "a", "b") == ["EDS b=1"]


def test_new_names_in_an_acknowledgement_are_answered() -> None:
    client = SotwDialogue()
    client.publish(snapshot(endpoints={"a": "1", "b": "1"}))
    assert client.asks("EDS", "a") == ["EDS a=1"]
    assert client.asks("EDS", "a", "b") == ["ack EDS", "EDS b=1"]


def test_new_names_in_a_rejection_are_answered() -> None:
    client = SotwDialogue()
    client.publish(snapshot(endpoints={"a": "1", "b": "1"}))
    client.asks("EDS", "a")
    assert client.asks("EDS", "a", "b", error="a is bad") == ["nack EDS a: a is bad", "EDS b=1"]


def test_a_name_let_go_is_forgotten_and_sent_anew_when_asked_for_again() -> None:
    client = synced_sotw(snapshot(endpoints={"a": "1", "b": "1"}))
    client.asks("EDS", "a", "b")
    assert client.asks("EDS", "a", "b") == ["ack EDS"]
    assert client.asks("EDS", "a") == ["EDS"]
    assert client.asks("EDS", "a", "b") == ["ack EDS", "EDS b=1"]


def test_clusters_come_before_endpoints_before_listeners_before_routes() -> None:
    client = synced_sotw()
    both = snapshot(clusters={"a": "2"}, endpoints={"a": "2"}, listeners={"l": "2"}, routes={"r": "2"})
    assert client.publish(both) == ["CDS a=2", "EDS a=2"]
    assert client.asks("EDS", "a") == ["ack EDS"]
    assert client.asks("CDS") == ["ack CDS", "LDS l=2", "RDS r=2"]


def test_a_route_waits_for_the_endpoints_of_its_new_cluster() -> None:
    client = synced_sotw()
    new = snapshot(
        clusters={"a": "1", "b": "1"}, endpoints={"a": "1", "b": "1"}, listeners={"l": "1"}, routes={"r": "b"}
    )
    assert client.publish(new) == ["CDS a=1 b=1"]
    assert client.asks("EDS", "a", "b") == ["EDS b=1"]
    assert client.asks("CDS") == ["ack CDS"]
    assert client.asks("EDS", "a", "b") == ["ack EDS", "RDS r=b"]


def test_a_cluster_is_removed_after_the_routes_that_named_it() -> None:
    client = synced_sotw(
        snapshot(clusters={"a": "1", "b": "1"}, endpoints={"a": "1"}, listeners={"l": "1"}, routes={"r": "b"})
    )
    moved = snapshot(clusters={"a": "2"}, endpoints={"a": "1"}, listeners={"l": "1"}, routes={"r": "a"})
    assert client.publish(moved) == ["CDS a=2 b=1", "EDS a=1"]
    assert client.asks("CDS") == ["ack CDS"]
    assert client.asks("EDS", "a") == ["ack EDS", "RDS r=a"]
    assert client.asks("RDS", "r") == ["ack RDS", "CDS a=2"]


def test_a_cluster_that_nothing_named_is_removed_at_once() -> None:
    client = synced_sotw(snapshot(clusters={"a": "1", "b": "1"}, listeners={"l": "1"}, routes={"r": "1"}))
    assert client.publish(snapshot(clusters={"a": "1"}, listeners={"l": "1"}, routes={"r": "1"})) == ["CDS a=1"]


def test_a_rejected_route_keeps_the_clusters_of_the_route_before_it() -> None:
    client = synced_sotw(snapshot(clusters={"a": "1", "b": "1"}, listeners={"l": "1"}, routes={"r": "b"}))
    assert client.publish(snapshot(clusters={"a": "1"}, listeners={"l": "1"}, routes={"r": "bad"})) == ["RDS r=bad"]
    assert client.asks("RDS", "r", error="bad") == ["nack RDS r: bad"]
    repaired = snapshot(clusters={"a": "1"}, listeners={"l": "1"}, routes={"r": "a"})
    assert client.publish(repaired) == ["RDS r=a"]
    assert client.asks("RDS", "r") == ["ack RDS", "CDS a=1"]


def test_a_removed_listener_is_gone_from_the_complete_set() -> None:
    client = synced_sotw(snapshot(listeners={"l": "1", "m": "1"}))
    assert client.publish(snapshot(listeners={"l": "1"})) == ["LDS l=1"]
    assert client.asks("LDS") == ["ack LDS"]
    assert client.publish(snapshot()) == ["LDS"]


def test_a_changed_cluster_is_followed_by_its_endpoints() -> None:
    client = synced_sotw(snapshot(clusters={"a": "1", "b": "1"}, endpoints={"a": "1", "b": "1"}))
    client.asks("EDS", "a", "b")
    client.asks("EDS", "a", "b")
    old = client.nonces["EDS"]
    changed = snapshot(clusters={"a": "2", "b": "1"}, endpoints={"a": "1", "b": "1"})
    assert client.publish(changed) == ["CDS a=2 b=1", "EDS a=1"]
    # Envoy's own repeated question for the cluster that warms has crossed the answer.
    assert client.asks("EDS", "a", "b", nonce=old) == []
    assert client.asks("CDS") == ["ack CDS"]
    assert client.asks("EDS", "a", "b") == ["ack EDS"]


def test_a_repeated_request_with_nothing_in_flight_is_answered_in_full() -> None:
    client = synced_sotw()
    assert client.asks("EDS", "a") == ["EDS a=1"]
    assert client.asks("EDS", "a") == ["ack EDS"]
    assert client.asks("CDS") == []


def test_an_empty_first_request_is_a_wildcard_for_listeners_and_clusters_only() -> None:
    client = SotwDialogue()
    client.publish(everything(x="1"))
    assert [client.asks(short) for short in ("CDS", "EDS", "LDS", "RDS", "SDS")] == [
        ["CDS x=1"],
        [],
        ["LDS x=1"],
        [],
        [],
    ]


def test_an_asterisk_asks_for_everything_and_may_stand_beside_names() -> None:
    client = SotwDialogue()
    client.publish(snapshot(clusters={"a": "1", "b": "1"}, routes={"r": "1"}))
    assert client.asks("CDS", "*", "a") == ["CDS a=1 b=1"]
    assert client.asks("RDS", "*") == ["RDS r=1"]


def test_an_empty_list_after_names_asks_for_nothing() -> None:
    client = SotwDialogue()
    client.publish(snapshot(clusters={"a": "1", "b": "1"}, endpoints={"a": "1"}))
    assert client.asks("CDS", "a") == ["CDS a=1"]
    assert client.asks("CDS") == ["ack CDS"]
    assert client.asks("EDS", "a") == ["EDS a=1"]
    assert client.asks("EDS") == ["ack EDS"]
    assert client.publish(snapshot(clusters={"a": "2"}, endpoints={"a": "2"})) == []
    assert client.asks("CDS", "a") == ["CDS a=2"]


def test_a_cluster_asked_for_by_name_that_does_not_exist_is_answered_by_its_absence() -> None:
    client = SotwDialogue()
    client.publish(snapshot(clusters={"a": "1"}))
    assert client.asks("CDS", "nobody") == ["CDS"]
    assert client.asks("CDS", "nobody", "a") == ["ack CDS", "CDS a=1"]


def test_an_empty_set_is_an_answer_for_a_wildcard() -> None:
    client = SotwDialogue()
    client.publish(snapshot())
    assert client.asks("LDS") == ["LDS"]
    assert client.asks("LDS") == ["ack LDS"]


def test_names_not_yet_known_are_remembered() -> None:
    client = SotwDialogue()
    client.publish(snapshot())
    assert client.asks("SDS", "later") == []
    assert client.publish(snapshot(secrets={"later": "1", "other": "1"})) == ["SDS later=1"]


def test_a_route_or_load_assignment_that_does_not_exist_is_answered_empty_and_replaced_when_it_appears() -> None:
    client = SotwDialogue()
    client.publish(snapshot(clusters={"a": "1"}))
    client.asks("CDS")
    assert client.asks("RDS", "r") == ["RDS r=empty"]
    assert client.asks("EDS", "a") == ["EDS a=empty"]
    client.asks("CDS"), client.asks("RDS", "r"), client.asks("EDS", "a")
    assert client.publish(snapshot(clusters={"a": "1"}, routes={"r": "1"}, endpoints={"a": "1"})) == ["EDS a=1"]
    assert client.asks("EDS", "a") == ["ack EDS", "RDS r=1"]


def test_a_route_that_ceases_to_exist_is_left_to_the_connections_that_drain_by_it() -> None:
    client = synced_sotw()
    assert client.publish(snapshot(clusters={"a": "1"}, endpoints={"a": "1"}, listeners={"l": "1"})) == []


def test_only_what_changed_is_sent_of_endpoints_and_routes() -> None:
    client = SotwDialogue()
    client.publish(snapshot(endpoints={"a": "1", "b": "1"}))
    client.asks("EDS", "a", "b")
    client.asks("EDS", "a", "b")
    assert client.publish(snapshot(endpoints={"a": "1", "b": "2", "c": "1"})) == ["EDS b=2"]


def test_an_unchanged_snapshot_sends_nothing() -> None:
    client = synced_sotw()
    again = snapshot(clusters={"a": "1"}, endpoints={"a": "1"}, listeners={"l": "1"}, routes={"r": "1"})
    assert client.publish(again) == []


def test_an_empty_nonce_asks_again_from_the_start() -> None:
    client = synced_sotw()
    assert client.asks("CDS", nonce="") == ["CDS a=1"]
    assert client.asks("EDS", "a", nonce="") == ["EDS a=1"]


def test_duplicate_names_are_answered_once() -> None:
    client = SotwDialogue()
    client.publish(snapshot(endpoints={"a": "1"}))
    assert client.asks("EDS", "a", "a") == ["EDS a=1"]


def test_a_type_that_is_not_served_is_passed_over_in_silence() -> None:
    client = SotwDialogue()
    client.publish(FULL)
    assert client.play(Requested(TypeUrl("type.googleapis.com/envoy.service.runtime.v3.Runtime"), ("x",))) == []
    assert client.asks("CDS") == ["CDS a=1"], "the dialogue goes on"


def test_a_name_without_end_ends_the_stream() -> None:
    longest = "x" * LONGEST_NAME
    client = SotwDialogue()
    assert client.play(Requested(ENDPOINT, (longest,))) == []
    assert client.play(Requested(ENDPOINT, (longest + "x",))) == ["abort INVALID_ARGUMENT"]
    assert SotwDialogue().play(Requested(TypeUrl(longest + "x"))) == ["abort INVALID_ARGUMENT"]


def test_many_names_that_do_not_exist_are_answered_bit_by_bit() -> None:
    made: list[str] = []

    def fallback(type_url: TypeUrl, name: str) -> EncodedResource:
        made.append(name)
        return EncodedResource(name, "0", b"")

    names = tuple(str(number) for number in range(1_300))
    stream = SotwStream(fallback)
    list(stream.handle(Published(FULL)))
    answered: list[int] = []
    event = Requested(ENDPOINT, names)
    while responses := list(stream.handle(event)):
        (response,) = (one for one in responses if isinstance(one, Respond))
        answered.append(len(response.resources))
        event = Requested(ENDPOINT, names, version=response.version, nonce=response.nonce)
        if len(answered) == 3:
            break
    assert answered == [500, 500, 300]
    assert sorted(made) == sorted(names), "each is made once"
    assert [type(one) for one in stream.handle(event)] == [Acked]


def test_a_request_without_a_type_ends_the_stream() -> None:
    assert SotwDialogue().play(Requested(TypeUrl(""))) == ["abort INVALID_ARGUMENT"]


def test_the_response_of_a_complete_set_is_the_set_itself() -> None:
    stream = SotwStream()
    list(stream.handle(Published(FULL)))
    (response,) = stream.handle(Requested(CLUSTER))
    assert isinstance(response, Respond)
    assert response.resources is FULL.of(CLUSTER)


def test_a_rejection_carries_the_response_that_it_is_about() -> None:
    client = SotwDialogue()
    client.publish(FULL)
    client.asks("CDS")
    client.asks("CDS", error="no")
    nacked = client.last[0]
    assert isinstance(nacked, Nacked)
    assert nacked.response.version == FULL.of(CLUSTER).version
    assert [r.name for r in nacked.failing] == ["a"]
