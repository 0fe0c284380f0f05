"""The current certificate of each identity, and when each is to be renewed. Knows neither clock nor chance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from citadel.identity import SpiffeId, Svid
from galley.frozen import frozen

_FIRST_RETRY = timedelta(seconds=1)
_LAST_RETRY = timedelta(minutes=1)


@frozen
class _Entry:
    svid: Svid
    due: datetime
    failures: int = 0


class RotationSchedule:
    """Which SVID each identity has and when it is due. Not thread-safe.

    An SVID is due when ``ratio`` of its life is left, give or take ``jitter``, so that workloads that started together
    do not renew together (Istio's SECRET_GRACE_PERIOD_RATIO). ``random`` gives numbers from 0 up to 1.
    """

    def __init__(self, *, random: Callable[[], float], ratio: float = 0.5, jitter: float = 0.01) -> None:
        self._random, self._ratio, self._jitter = random, ratio, jitter
        self._entries: dict[SpiffeId, _Entry] = {}

    def put(self, svid: Svid, now: datetime) -> datetime:
        """Make ``svid``, issued at ``now``, the current one of its identity; the result is when it is due."""
        ratio = min(1.0, max(0.0, self._ratio + (2 * self._random() - 1) * self._jitter))
        due = max(now, svid.not_after - ratio * (svid.not_after - now))
        self._entries[svid.id] = _Entry(svid, due)
        return due

    def current(self, identity: SpiffeId) -> Svid | None:
        """The SVID of ``identity``, even if it is due or expired."""
        entry = self._entries.get(identity)
        return entry.svid if entry else None

    def due(self, now: datetime) -> tuple[SpiffeId, ...]:
        """The identities to be renewed at ``now``, longest overdue first; the same until one is put or postponed."""
        overdue = [entry for entry in self._entries.values() if entry.due <= now]
        overdue.sort(key=lambda entry: (entry.due, str(entry.svid.id)))
        return tuple(entry.svid.id for entry in overdue)

    def next_due(self) -> datetime | None:
        """When ``due`` will have something to say, None without entries."""
        return min((entry.due for entry in self._entries.values()), default=None)

    def postpone(self, identity: SpiffeId, now: datetime) -> datetime | None:
        """Renewal has failed at ``now``: try again after 1 s, then twice that and so on up to a minute.

        While it is valid never after more than a quarter of what is left of its life (but a second), so that an outage
        which ends in time costs nothing.
        """
        entry = self._entries.get(identity)
        if entry is None:
            return None
        pause = min(_LAST_RETRY, _FIRST_RETRY * (1 << min(entry.failures, 10)))
        if entry.svid.not_after > now:
            pause = min(pause, max(_FIRST_RETRY, (entry.svid.not_after - now) / 4))
        due = now + pause
        self._entries[identity] = _Entry(entry.svid, due, entry.failures + 1)
        return due

    def renew_all(self, now: datetime) -> None:
        """Make every SVID due: another root signs from ``now`` on."""
        for identity, entry in self._entries.items():
            self._entries[identity] = _Entry(entry.svid, min(entry.due, now))

    def forget(self, identity: SpiffeId) -> None:
        """Nobody asks for ``identity`` any more."""
        self._entries.pop(identity, None)

    def __len__(self) -> int:
        return len(self._entries)
