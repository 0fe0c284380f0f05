"""Which resources a NACK is about, and what comes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.xds.events import Respond
from pilot.xds.nacked import Attribution, NackedResources, attribute
from pilot.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, SECRET, TypeUrl
from tests.pilot.xds.dialogue import (
    NOTHING,
    Contents,
    DeltaDialogue,
    SotwDialogue,
    resource,
    resources,
    snapshot,
)

NAMES = ("0.0.0.0_80", "0.0.0.0_8080", "outbound|9080||reviews", "outbound|9080|v1|reviews", "http.80", "9003", "x.y")

LISTENERS = "Error adding/updating listener(s)"
CLUSTERS = "Error adding/updating cluster(s)"
QUOTED = 'name: "9003" domains: "c.shop:9003", x.y: 9003: 9003'


@pytest.mark.parametrize(
    ("type_url", "text", "certain", "doubtful"),
    [
        (LISTENER, f"{LISTENERS} 0.0.0.0_8080: no such filter: {QUOTED}\n", {"0.0.0.0_8080"}, set()),
        (LISTENER, f"{LISTENERS} 0.0.0.0_80: x\n0.0.0.0_8080: y {QUOTED}\n", {"0.0.0.0_80"}, {"0.0.0.0_8080"}),
        (LISTENER, f"{LISTENERS} 0.0.0.0_80: has duplicate address '0.0.0.0:80' as existing listener\n",
         {"0.0.0.0_80"}, set()),
        (CLUSTER, f"{CLUSTERS} outbound|9080|v1|reviews: bad", {"outbound|9080|v1|reviews"}, set()),
        (CLUSTER, f"{CLUSTERS} 0.0.0.0_80: {QUOTED}", {"0.0.0.0_80"}, {"x.y"}),
        (CLUSTER, f"{CLUSTERS} 0.0.0.0_80: x, http.80: y, 9003: z", {"0.0.0.0_80"}, {"http.80", "9003"}),
        (CLUSTER, f"{CLUSTERS} 0.0.0.0_80: long...(truncated)", {"0.0.0.0_80"}, set(NAMES) - {"0.0.0.0_80"}),
        (CLUSTER, f"{CLUSTERS} unknown: {QUOTED}", set(), set(NAMES)),
        (ROUTE, "Only unique values for domains are permitted. Duplicate entry of domain 9003 in route http.80",
         {"http.80"}, set()),
        (ROUTE, "Only a single wildcard domain is permitted in route http.80", {"http.80"}, set()),
        (ROUTE, "Unexpected RDS configuration (expecting http.80): 9003", {"http.80"}, set()),
        (ENDPOINT, "Unexpected EDS cluster (expecting outbound|9080||reviews): 9003",
         {"outbound|9080||reviews"}, set()),
        (ENDPOINT, "malformed IP address: 9003", set(), set(NAMES)),
        (SECRET, "Unexpected SDS secret (expecting x.y): 9003", {"x.y"}, set()),
        (SECRET, "Failed to load certificate chain from <inline>", set(), set(NAMES)),
        (ROUTE, f"Proto constraint validation failed (RouteConfigurationValidationError: {QUOTED})", set(), set(NAMES)),
        (LISTENER, f"Unable to unpack as envoy.config.listener.v3.Listener: {QUOTED}", set(), set(NAMES)),
        (LISTENER, "", set(), set(NAMES)),
    ],
)  # fmt: skip
def test_whom_the_frame_of_envoys_text_is_about(
    type_url: TypeUrl, text: str, certain: set[str], doubtful: set[str]
) -> None:
    sent = resources(type_url, dict.fromkeys(NAMES, "1"))
    found = attribute(Respond(type_url, "1", "1", sent), tuple(sent), text)
    assert {r.name for r in found.certain} == certain
    assert {r.name for r in found.doubtful} == doubtful
    assert found.whole is not bool(certain and type_url in (LISTENER, CLUSTER))


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


def test_what_was_rejected_together_is_tried_half_by_half() -> None:
    account = rejecting("a", "b", "c")
    target = resources(CLUSTER, dict.fromkeys("abc", "bad"))
    account.try_apart(Attribution((), tuple(target), whole=True))
    assert [account.take_retries(target) for _ in range(3)] == [{"a", "b"}, {"c"}, set()]


def test_what_was_rejected_together_is_tried_again_when_a_part_of_it_changes() -> None:
    account = rejecting("a", "b")
    target = resources(CLUSTER, {"a": "bad", "b": "bad"})
    account.try_apart(Attribution((), tuple(target), whole=True))
    account.take_retries(target)
    account.forget_replaced(response({"a": "bad"}))
    account.take_retries(target)
    account.add([resource("b", "bad")], None)
    assert account.take_retries(target) == frozenset()
    assert account.take_retries(resources(CLUSTER, {"a": "2", "b": "bad"})) == {"b"}
    assert account.take_retries(resources(CLUSTER, {"a": "3", "b": "bad"})) == frozenset()


@pytest.mark.parametrize("dialogue", [SotwDialogue, DeltaDialogue])
@given(bad=st.sets(st.sampled_from("abcdefgh")), stops_at_the_first=st.booleans())
def test_an_envoy_that_does_not_say_who_is_bad_ends_with_all_that_is_good(
    dialogue: type[SotwDialogue | DeltaDialogue], bad: set[str], stops_at_the_first: bool
) -> None:
    """Whatever is refused, in a few more responses the client has the rest, and just the bad ones are refused."""
    client = dialogue()
    client.publish(snapshot(routes={name: "bad" if name in bad else "1" for name in "abcdefgh"}))
    said = client.asks("RDS", *"abcdefgh")
    has: set[str] = set()
    for _ in range(32):
        sent = [r.name for command in client.last if isinstance(command, Respond) for r in command.resources]
        if not said or not sent:
            break
        refused = bad.intersection(sent)
        if not refused:
            has.update(sent)
        elif stops_at_the_first:
            has.update(sent[: min(sent.index(name) for name in refused)])
        error = "Proto constraint validation failed (a b c d e f g h)" if refused else None
        said = (
            client.asks("RDS", *"abcdefgh", error=error)
            if isinstance(client, SotwDialogue)
            else client.acks("RDS", error=error)
        )
    assert client.stream.is_settled
    assert has == set("abcdefgh") - bad
    assert client.stream.nacked_versions(ROUTE).keys() == bad
