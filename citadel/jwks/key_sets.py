"""The key sets of a running control plane as a value that changes with time: what is known, and what is due.

Knows neither clock nor network: times are arguments, in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from galley.frozen import frozen

REFRESH = 20 * 60.0
"""A key set is fetched again after this time (Istio)."""
FIRST_RETRY, LAST_RETRY = 10.0, 60 * 60.0
"""After a failure it is tried again, at first soon, then less and less often."""
KEEP_UNUSED = 7 * 24 * 3600.0
MOST_SETS = 1_000


@frozen
class KeySource:
    """Where keys come from: ``uri`` itself, or what the OpenID configuration of the issuer ``uri`` names."""

    uri: str
    is_issuer: bool = False


class KeyFetcher(StrEnum):
    """Who fetches the key sets that policies name. What an issuer's OpenID configuration names only the control plane
    can find, whoever fetches the rest."""

    CONTROL_PLANE = "control-plane"
    ENVOY = "envoy"

    def leaves_to_envoys(self, source: KeySource) -> bool:
        """Whether each Envoy fetches ``source`` itself."""
        return self is KeyFetcher.ENVOY and not source.is_issuer


@frozen
class KeySetStatus:
    """What is known of one source: ``error`` is the reason of the last failure, "" after a success; ``fetched_at`` is
    the time of the last success, 0 before any."""

    source: KeySource
    has_keys: bool
    fetched_at: float
    error: str


@dataclass(slots=True)
class _Entry:
    jwks: str = ""
    fetched_at: float = 0.0
    due_at: float = 0.0
    failures: int = 0
    error: str = ""
    wanted_at: float = 0.0


@dataclass(slots=True)
class KeySets:
    """Key sets by source. Those that policies name are ``want``-ed; what became of a fetch is ``record``-ed."""

    _entries: dict[KeySource, _Entry] = field(default_factory=dict)
    _wanted: tuple[KeySource, ...] = ()

    def want(self, sources: Iterable[KeySource], now: float) -> None:
        """Policies name ``sources`` and no others; what nobody has named for a week is forgotten."""
        self._wanted = tuple(dict.fromkeys(sources))[:MOST_SETS]
        for source in self._wanted:
            self._entries.setdefault(source, _Entry(due_at=now)).wanted_at = now
        for source, entry in tuple(self._entries.items()):
            if entry.wanted_at + KEEP_UNUSED < now:
                del self._entries[source]

    def due(self, now: float) -> tuple[KeySource, ...]:
        """The wanted sources that are to be fetched now."""
        return tuple(source for source in self._wanted if self._entries[source].due_at <= now)

    def next_due(self) -> float | None:
        """When the next source is due; None where none is wanted."""
        return min((self._entries[source].due_at for source in self._wanted), default=None)

    def record(self, source: KeySource, now: float, *, jwks: str = "", error: str = "") -> bool:
        """What became of a fetch: ``jwks``, or ``error``. Tells whether the keys changed. A failure keeps those that
        were had before."""
        entry = self._entries.get(source)
        if entry is None:
            return False
        if error:
            entry.failures += 1
            entry.error = error
            entry.due_at = now + min(LAST_RETRY, FIRST_RETRY * 2 ** min(entry.failures - 1, 20))
            return False
        changed = entry.jwks != jwks
        entry.jwks, entry.fetched_at, entry.failures, entry.error = jwks, now, 0, ""
        entry.due_at = now + REFRESH
        return changed

    def restore(self, known: Mapping[KeySource, str], now: float) -> None:
        """Take over key sets that were kept on disk; they are to be refreshed at once."""
        for source, jwks in known.items():
            self._entries.setdefault(source, _Entry(jwks=jwks, due_at=now, wanted_at=now))

    @property
    def known(self) -> dict[KeySource, str]:
        """The key sets that were had."""
        return {source: entry.jwks for source, entry in self._entries.items() if entry.jwks}

    @property
    def status(self) -> tuple[KeySetStatus, ...]:
        """What is known of each wanted source."""
        return tuple(
            KeySetStatus(source, bool(entry.jwks), entry.fetched_at, entry.error)
            for source, entry in ((source, self._entries[source]) for source in self._wanted)
        )
