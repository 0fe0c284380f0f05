"""What was sent and acked."""

from __future__ import annotations

from pilot.xds.events import Respond
from pilot.xds.resources import CLUSTER
from pilot.xds.sent import SentResources
from pilot.xds.subscription import SubscribedNames
from tests.pilot.xds.dialogue import Contents, resources


def sent(contents: Contents, nonce: str = "1") -> SentResources:
    """All of ``contents`` in flight."""
    found = resources(CLUSTER, contents)
    account = SentResources(resources(CLUSTER, {}))
    account.send(Respond(CLUSTER, found.version, nonce, found), found)
    return account


def test_the_nonce_in_flight_is_answered_once_and_another_is_an_old_one() -> None:
    account = sent({"a": "1"}, "7")
    assert account.is_answered_by("7")
    assert not account.is_newer_than("7")
    assert account.is_newer_than("6")
    assert not account.is_newer_than(""), "a request without a nonce answers nothing"
    assert account.take_answer().nonce == "7"
    assert not account.is_answered_by("7")


def test_what_was_acked_is_known_while_the_next_is_in_flight() -> None:
    account = sent({"a": "1"})
    account.take_answer()
    target = resources(CLUSTER, {"a": "2"})
    account.send(Respond(CLUSTER, target.version, "2", target), target)
    assert account.acked is not None
    assert account.acked.versions == {"a": "1"}
    assert account.resources.versions == {"a": "2"}


def test_what_is_unsubscribed_or_to_be_sent_again_counts_as_never_sent() -> None:
    account = sent({"a": "1", "b": "1", "c": "1"})
    account.keep(SubscribedNames(names=frozenset("ab")), resend={"b"})
    assert account.resources.versions == {"a": "1"}


def test_a_removal_to_be_sent_again_is_one_that_differs() -> None:
    account = sent({"a": "1", "b": "1"})
    account.resend({"a"}, {"gone"})
    change = resources(CLUSTER, {"a": "1", "b": "1"}).since(account.resources)
    assert (list(change.changed.names()), change.removed) == (["a"], ("gone",))


def test_the_version_of_an_earlier_stream_is_told_once() -> None:
    account = SentResources(resources(CLUSTER, {}), resumed_version="v")
    assert [account.take_resumed_version(), account.take_resumed_version()] == ["v", ""]
