"""What a client subscribes to, and which of its requests is pending."""

from __future__ import annotations

from pilot.xds.resources import CLUSTER, ENDPOINT
from pilot.xds.subscription import SubscribedNames, Subscription
from tests.pilot.xds.dialogue import resources


def test_an_empty_list_is_a_wildcard_until_names_were_sent() -> None:
    first = SubscribedNames().listing((), CLUSTER)
    assert first.wildcard
    named = first.listing(("a",), CLUSTER)
    assert not named.wildcard
    assert not named.listing((), CLUSTER).active


def test_an_empty_list_asks_for_no_endpoints() -> None:
    assert not SubscribedNames().listing((), ENDPOINT).active


def test_an_asterisk_is_no_name() -> None:
    asked = SubscribedNames().listing(("*", "a"), ENDPOINT)
    assert asked.wildcard
    assert asked.names == {"a"}


def test_a_name_in_both_lists_ends_up_unsubscribed() -> None:
    assert SubscribedNames().changed_by(("a", "b"), ("b",)).names == {"a"}
    assert not SubscribedNames().changed_by(("*",), ("*",)).active


def test_names_are_shared_with_the_set_that_has_exactly_them() -> None:
    found = resources(ENDPOINT, {"a": "1", "b": "1"})
    assert SubscribedNames(names=frozenset(("b", "a"))).sharing(found).names is found.name_set
    assert SubscribedNames(names=frozenset("a")).sharing(found).names == {"a"}


def asked(*names: str) -> Subscription:
    """A state-of-the-world client that was answered for these endpoints."""
    subscription = Subscription()
    subscription.list_names(names, None, ENDPOINT)
    subscription.answered()
    return subscription


def test_more_names_are_pending_and_fewer_are_not() -> None:
    more, fewer = asked("a", "b"), asked("a", "b")
    assert more.list_names(("a", "b", "c"), None, ENDPOINT)
    assert (more.pending, more.narrowed) == (True, False)
    assert fewer.list_names(("a",), None, ENDPOINT)
    assert (fewer.pending, fewer.narrowed) == (False, True)


def test_the_same_names_again_change_nothing() -> None:
    subscription = asked("a", "b")
    assert not subscription.list_names(("b", "a"), None, ENDPOINT)
    assert not subscription.pending


def test_a_complete_set_answers_also_for_a_name_that_does_not_exist() -> None:
    subscription = Subscription()
    subscription.list_names(("nobody",), None, CLUSTER)
    assert subscription.must_answer
    subscription.list_names((), None, CLUSTER)
    assert not subscription.must_answer, "nothing is subscribed to any more"


def test_an_incremental_answer_must_mention_new_names_and_those_let_go_of_under_the_wildcard() -> None:
    subscription = Subscription()
    assert subscription.change(("*", "a"), (), None) == {"a"}
    subscription.answered()
    assert subscription.change(("b",), ("a",), None) == {"a", "b"}
    assert subscription.unanswered == {"a", "b"}
    subscription.change((), ("*", "b"), None)
    assert subscription.unanswered == frozenset()


def test_one_who_returns_waits_only_for_what_it_did_not_keep() -> None:
    subscription = Subscription()
    subscription.change(("*", "a", "b"), (), None)
    subscription.resume_with(frozenset("a"))
    assert (subscription.pending, subscription.must_answer, subscription.unanswered) == (False, False, frozenset({"b"}))
