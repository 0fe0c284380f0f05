from __future__ import annotations

import math

from citadel.jwks.key_sets import KEEP_UNUSED, LAST_RETRY, REFRESH, KeySets, KeySource

A, B = KeySource("https://a.example/keys"), KeySource("https://b.example", is_issuer=True)


def test_what_policies_name_is_due_at_once_and_then_at_its_refresh() -> None:
    sets = KeySets()
    sets.want([A, B], now=100)
    assert sets.due(100) == (A, B)
    assert sets.record(A, 101, jwks="keys")
    assert sets.due(101) == (B,)
    assert sets.due(101 + REFRESH) == (A, B)
    assert sets.known == {A: "keys"}


def test_a_failure_is_tried_again_less_and_less_often_and_keeps_the_keys() -> None:
    sets = KeySets()
    sets.want([A], now=0)
    sets.record(A, 0, jwks="keys")
    now, waits = REFRESH, []
    for _ in range(12):
        assert not sets.record(A, now, error="refused")
        due = sets.next_due()
        assert due is not None
        waits.append(due - now)
        now = due
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (10.0, LAST_RETRY)
    assert sets.known == {A: "keys"}
    assert sets.status[0].error == "refused"
    assert sets.record(A, now, jwks="other")
    assert sets.status[0].error == ""


def test_equal_keys_are_no_change() -> None:
    sets = KeySets()
    sets.want([A], now=0)
    assert sets.record(A, 0, jwks="keys")
    assert not sets.record(A, 1, jwks="keys")


def test_what_nobody_wants_is_not_fetched_and_is_forgotten_after_a_week() -> None:
    sets = KeySets()
    sets.want([A], now=0)
    sets.record(A, 0, jwks="keys")
    sets.want([], now=1)
    assert sets.due(math.inf) == ()
    assert sets.known == {A: "keys"}
    sets.want([B], now=KEEP_UNUSED + 2)
    assert sets.known == {}
    assert not sets.record(A, KEEP_UNUSED + 3, jwks="late")


def test_kept_keys_count_until_they_are_refreshed() -> None:
    sets = KeySets()
    sets.restore({A: "kept"}, now=0)
    sets.want([A], now=1)
    assert sets.known == {A: "kept"}
    assert sets.due(1) == (A,)
