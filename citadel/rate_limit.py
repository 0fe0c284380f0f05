"""Token buckets: how often something may happen, with time as an argument."""

from __future__ import annotations

from collections import OrderedDict


class TokenBucket:
    """``rate`` events a second on average and ``burst`` at once. Times are seconds of any clock. Not thread-safe."""

    __slots__ = ("_burst", "_filled", "_level", "_rate")

    def __init__(self, *, rate: float, burst: int) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError("a rate above 0 and a burst of at least 1")
        self._rate = rate
        self._burst = burst
        self._level = float(burst)
        self._filled: float | None = None

    def take(self, now: float) -> bool:
        """Whether the event may happen at ``now``; if so it counts."""
        if self._filled is not None:
            # A clock that was set back gives nothing and takes nothing.
            self._level = min(self._burst, self._level + max(0.0, now - self._filled) * self._rate)
        self._filled = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


class KeyedBuckets:
    """A bucket for each key, such as an address or an identity. Not thread-safe.

    At most ``limit`` keys are remembered, so that strangers cannot fill the memory; the one that was asked for least
    recently is forgotten first.
    """

    def __init__(self, *, rate: float, burst: int, limit: int = 10_000) -> None:
        self._rate, self._burst, self._limit = rate, burst, limit
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, key: str, now: float) -> bool:
        """Whether an event of ``key`` may happen at ``now``; if so it counts."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(rate=self._rate, burst=self._burst)
            if len(self._buckets) > self._limit:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket.take(now)

    def __len__(self) -> int:
        return len(self._buckets)
