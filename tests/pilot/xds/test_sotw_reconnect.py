"""State-of-the-world clients that come back with what they kept: what they are sent and what not."""

from __future__ import annotations

from pilot.xds.resources import ResourceSnapshot
from tests.pilot.xds.dialogue import FULL, SotwDialogue, snapshot, synced_sotw


def reconnect(before: SotwDialogue, published: ResourceSnapshot = FULL) -> SotwDialogue:
    """A new stream of the client that ``before`` belonged to; its first requests are left to the test."""
    client = SotwDialogue()
    client.versions = dict(before.versions)
    client.publish(published)
    return client


def test_a_reconnecting_client_is_sent_nothing_that_it_holds() -> None:
    before = synced_sotw()
    client = reconnect(before)
    for short, names in {"CDS": (), "EDS": ("a",), "LDS": (), "RDS": ("r",)}.items():
        assert client.asks(short, *names, version=before.versions[short]) == [f"ack {short}"]
    changed = snapshot(clusters={"a": "1"}, endpoints={"a": "2"}, listeners={"l": "1"}, routes={"r": "1"})
    assert client.publish(changed) == ["EDS a=2"]


def test_a_reconnecting_client_that_comes_before_the_snapshot_is_compared_when_it_is_there() -> None:
    before = synced_sotw()
    client = SotwDialogue()
    client.asks("CDS", version=before.versions["CDS"])
    client.asks("LDS", version="another")
    assert client.publish(FULL) == ["ack CDS", "LDS l=1"]


def test_a_reconnecting_client_is_sent_what_changed_meanwhile() -> None:
    before = synced_sotw()
    changed = snapshot(clusters={"a": "1"}, endpoints={"a": "1"}, listeners={"l": "2"}, routes={"r": "1"})
    client = reconnect(before, changed)
    assert client.asks("CDS", version=before.versions["CDS"]) == ["ack CDS"]
    assert client.asks("EDS", "a", version=before.versions["EDS"]) == ["ack EDS"]
    assert client.asks("LDS", version=before.versions["LDS"]) == ["LDS l=2"]
    assert client.asks("RDS", "r", version=before.versions["RDS"]) == ["ack RDS"]


def test_a_reconnecting_client_whose_cluster_was_changed_and_changed_back_gets_its_endpoints() -> None:
    before = synced_sotw()
    kept = before.versions["EDS"]
    between = snapshot(clusters={"a": "2"}, endpoints={"a": "1"}, listeners={"l": "1"}, routes={"r": "1"})
    assert before.publish(between) == ["CDS a=2", "EDS a=1"]  # and only the first of them arrives
    client = reconnect(before, FULL)
    assert client.asks("CDS", version=before.versions["CDS"]) == ["CDS a=1"]
    assert client.asks("EDS", "a", version=kept) == ["EDS a=1"]


def test_a_reconnecting_client_whose_cluster_still_warms_gets_its_endpoints() -> None:
    before = synced_sotw()
    kept = before.versions["EDS"]
    changed = snapshot(clusters={"a": "2"}, endpoints={"a": "1"}, listeners={"l": "1"}, routes={"r": "1"})
    assert before.publish(changed) == ["CDS a=2", "EDS a=1"]  # and only the first of them arrives
    client = reconnect(before, changed)
    assert client.asks("CDS", version=before.versions["CDS"]) == ["ack CDS"]
    assert client.asks("EDS", "a", version=kept) == ["EDS a=1"]


def test_a_reconnecting_client_that_changes_its_names_is_not_taken_at_its_first_word() -> None:
    before = synced_sotw()
    client = reconnect(before)
    assert client.asks("RDS", version=before.versions["RDS"]) == []
    assert client.asks("RDS", "r", version=before.versions["RDS"]) == ["RDS r=1"]


def test_a_reconnecting_client_that_asks_for_more_names_is_answered() -> None:
    before = synced_sotw(snapshot(endpoints={"a": "1", "b": "1"}))
    client = reconnect(before, snapshot(endpoints={"a": "1", "b": "1"}))
    assert client.asks("EDS", "a", "b", version=before.versions["EDS"]) == ["EDS a=1 b=1"]


def test_a_reconnecting_client_that_lacks_a_rejected_route_is_answered() -> None:
    before = synced_sotw()
    for _ in ("ask", "acknowledge"):
        before.asks("RDS", "r", "s")
    bad = snapshot(clusters={"a": "1"}, endpoints={"a": "1"}, listeners={"l": "1"}, routes={"r": "bad", "s": "1"})
    before.publish(bad)
    before.asks("RDS", "r", "s", error="r")
    bad = snapshot(clusters={"a": "1"}, endpoints={"a": "1"}, listeners={"l": "1"}, routes={"r": "bad", "s": "2"})
    before.publish(bad)
    before.asks("RDS", "r", "s")
    client = reconnect(before, bad)
    assert client.asks("RDS", "r", "s", version=before.versions["RDS"]) == ["RDS r=bad s=2"]


def test_a_nonce_of_an_earlier_stream_starts_a_new_conversation() -> None:
    client = SotwDialogue()
    client.publish(FULL)
    assert client.asks("CDS", nonce="77") == ["CDS a=1"]


def test_a_client_that_lets_go_of_a_name_is_told_the_version_of_what_it_keeps() -> None:
    before = synced_sotw(snapshot(endpoints={"a": "1", "b": "1"}))
    for _ in ("ask", "acknowledge"):
        before.asks("EDS", "a", "b")
    assert before.asks("EDS", "a") == ["EDS"]
    assert before.asks("EDS", "a") == ["ack EDS"]
    client = reconnect(before, snapshot(endpoints={"a": "1", "b": "1"}))
    assert client.asks("EDS", "a", version=before.versions["EDS"]) == ["ack EDS"]
