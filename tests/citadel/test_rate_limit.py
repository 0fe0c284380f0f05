from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from citadel.rate_limit import KeyedBuckets, TokenBucket


def test_a_burst_and_then_the_rate() -> None:
    bucket = TokenBucket(rate=2, burst=3)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(0.4), bucket.take(0.5), bucket.take(0.5)] == [False, True, False]


def test_a_long_rest_gives_one_burst() -> None:
    bucket = TokenBucket(rate=2, burst=3)
    bucket.take(0)
    assert [bucket.take(1e9) for _ in range(4)] == [True, True, True, False]


def test_a_clock_set_back_gives_nothing() -> None:
    bucket = TokenBucket(rate=1, burst=1)
    assert bucket.take(1000)
    assert not bucket.take(0)
    assert bucket.take(1)


@given(st.lists(st.floats(0, 100), max_size=200))
def test_never_more_than_burst_and_rate_allow(times: list[float]) -> None:
    bucket = TokenBucket(rate=2, burst=5)
    taken = [now for now in sorted(times) if bucket.take(now)]
    for first, begin in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= 5 + 2 * (taken[last] - begin) + 1e-6


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_impossible_limits(rate: float, burst: int) -> None:
    with pytest.raises(ValueError, match="rate above 0"):
        TokenBucket(rate=rate, burst=burst)


def test_keys_do_not_share() -> None:
    buckets = KeyedBuckets(rate=1, burst=1)
    assert [buckets.take("a", 0), buckets.take("b", 0), buckets.take("a", 0)] == [True, True, False]


def test_the_memory_is_bounded_and_the_least_recent_forgotten() -> None:
    buckets = KeyedBuckets(rate=1, burst=1, limit=3)
    for key in "abc":
        buckets.take(key, 0)
    assert not buckets.take("a", 0)
    buckets.take("d", 0)
    assert len(buckets) == 3
    assert not buckets.take("a", 0)
    assert buckets.take("b", 0)
