"""Limits of streams, without a network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pilot.server.admission import Admission, StreamLimitError, Ticket
from pilot.settings import StreamLimits

ROOMY = StreamLimits(total=100, per_address=50, per_node=20, per_identity=30)


def named(admission: Admission, host: str = "a", node: str = "n", identity: str = "i", now: float = 0.0) -> Ticket:
    ticket = admission.enter(host, now)
    admission.name(ticket, node, identity, now)
    return ticket


def count_until_refused(
    admission: Admission, host: str = "a", node: str = "n", identity: str = "i"
) -> tuple[int, StreamLimitError]:
    for number in range(1000):
        try:
            one, another, third = (name.replace("#", str(number)) for name in (host, node, identity))
            named(admission, one, another, third)
        except StreamLimitError as refused:
            return number, refused
    raise AssertionError("never refused")


@pytest.mark.parametrize(
    ("limit", "who", "most"),
    [
        ("all", {"host": "#", "node": "#", "identity": "#"}, 100),
        ("address", {"host": "a", "node": "#", "identity": "#"}, 50),
        ("identity", {"host": "#", "node": "#", "identity": "i"}, 30),
        ("node", {"host": "a", "node": "n", "identity": "#"}, 20),
        ("address", {"host": "a", "node": "#", "identity": ""}, 50),
    ],
)
def test_each_limit_holds(limit: str, who: dict[str, str], most: int) -> None:
    admission = Admission(ROOMY)
    number, refused = count_until_refused(admission, **who)
    assert (number, refused.limit, admission.refused) == (most, limit, {limit: 1})
    assert "try again later" in str(refused)


def test_a_stream_that_has_said_nothing_counts() -> None:
    admission = Admission(replace(ROOMY, per_address=2))
    admission.enter("a", 0.0)
    ticket = admission.enter("a", 0.0)
    with pytest.raises(StreamLimitError, match="of this address"):
        admission.enter("a", 0.0)
    admission.enter("b", 0.0)
    admission.leave(ticket)
    admission.enter("a", 100.0)


def test_one_with_many_addresses_of_ipv6_counts_as_one() -> None:
    admission = Admission(replace(ROOMY, per_address=2))
    admission.enter("ipv6:%5B2a00:1450::1%5D", 0.0)
    admission.enter("ipv6:%5B2a00:1450::2%5D", 0.0)
    with pytest.raises(StreamLimitError, match="of this address"):
        admission.enter("ipv6:%5B2a00:1450::3%5D", 0.0)
    admission.enter("ipv6:%5B2a00:1450:0:1::1%5D", 0.0)


def test_who_leaves_or_is_refused_leaves_nothing_behind() -> None:
    admission = Admission(replace(ROOMY, per_identity=1))
    ticket = named(admission)
    late = admission.enter("a", 0.0)
    with pytest.raises(StreamLimitError):
        admission.name(late, "other", "i", 0.0)
    admission.leave(late)
    assert admission.open == 1
    admission.leave(ticket)
    admission.leave(ticket)
    assert admission.open == 0
    assert not admission._open


def test_one_identity_takes_none_of_the_others_streams() -> None:
    admission = Admission(ROOMY)
    count_until_refused(admission, host="#", node="#", identity="greedy")
    named(admission, identity="modest")


def test_streams_opened_and_closed_without_end_are_slowed_down() -> None:
    admission = Admission(replace(ROOMY, per_address=1000))
    for _ in range(30):
        admission.leave(named(admission))
    with pytest.raises(StreamLimitError, match="new streams of this identity"):
        named(admission)
    # Thirty in five seconds: three in half a one.
    for _ in range(3):
        admission.leave(named(admission, now=0.5))
    with pytest.raises(StreamLimitError):
        named(admission, now=0.5)


def test_a_flood_of_refusals_is_told_once_a_second() -> None:
    admission = Admission(ROOMY)
    assert sum(admission.is_worth_a_line("a", 0.0) for _ in range(1000)) == 5
    assert admission.is_worth_a_line("b", 0.0)
    assert sum(admission.is_worth_a_line("a", 1.0) for _ in range(1000)) == 1


def test_names_of_nothing_are_counted_for_all_streams_of_an_address() -> None:
    admission = Admission(replace(ROOMY, names_per_address=100))
    first, second, elsewhere = (admission.enter(host, 0.0) for host in ("10.0.0.1", "10.0.0.1", "10.0.0.2"))
    admission.hold(first, 60)
    admission.hold(second, 40)
    admission.hold(elsewhere, 100)
    with pytest.raises(StreamLimitError, match="more than 100 resources") as refused:
        admission.hold(second, 41)
    assert refused.value.limit == "names"
    admission.leave(first)
    admission.leave(first)
    admission.hold(second, 100)
    admission.leave(second)
    admission.leave(elsewhere)
    assert admission.open == 0
    assert not admission._names
