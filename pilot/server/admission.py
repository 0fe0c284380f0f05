"""How many streams the control plane holds open, and for whom: a state machine without I/O, with time as an argument.

A stream is counted from its first byte, before anything is proven, so that strangers cannot fill the memory; once it
has said and proven who it is it counts for its node and its identity, too, so that one workload that opens streams
without end takes none of the others'.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from citadel.rate_limit import KeyedBuckets
from pilot.server.peers import block_of
from pilot.settings import StreamLimits

_SECONDS_TO_FILL = 5.0
"""After a crowd of as many streams as are admitted at once, this is how long until another one may come."""

_AUDIT_LINES = 5
"""Refusals of one address that are told in full, before it is one a second: a flood must not fill the log."""


STREAM_LIMITS = ("all", "address", "node", "identity", "names")
"""What the metrics call the limits."""

_WHOSE = {"all": "", "address": " of this address", "node": " of this node", "identity": " of this identity"}


class StreamLimitError(Exception):
    """A stream too many. The text is for its client; ``limit`` names the limit, for the metrics."""

    def __init__(self, limit: str, message: str) -> None:
        super().__init__(message)
        self.limit = limit


@dataclass(slots=True)
class Ticket:
    """What one admitted stream counts for, until it leaves."""

    host: str
    names: int = 0
    keys: list[tuple[str, str]] = field(default_factory=list)


class Admission:
    """Counts streams against ``limits``, and in ``refused`` those beyond each of them.

    Times are seconds of any monotonic clock. Not thread-safe.
    """

    def __init__(self, limits: StreamLimits, refused: Counter[str] | None = None) -> None:
        self.limits = limits
        self._most = {
            "all": limits.total,
            "address": limits.per_address,
            "node": limits.per_node,
            "identity": limits.per_identity,
        }
        self._open: Counter[tuple[str, str]] = Counter()
        self._names: Counter[str] = Counter()
        self._rates = {
            name: KeyedBuckets(rate=self._most[name] / _SECONDS_TO_FILL, burst=self._most[name])
            for name in ("address", "identity")
        }
        self._audit_lines = KeyedBuckets(rate=1.0, burst=_AUDIT_LINES)
        self.refused: Counter[str] = Counter() if refused is None else refused

    @property
    def open(self) -> int:
        """Streams that are counted now, those included that have not said anything yet."""
        return self._open["all", ""]

    def enter(self, host: str, now: float) -> Ticket:
        """A stream from the address ``host`` (see `host_of`). StreamLimitError when it is one too many."""
        ticket = Ticket(host)
        self._count(ticket, ("all", ""), now)
        try:
            self._count(ticket, ("address", block_of(host)), now)
        except StreamLimitError:
            self.leave(ticket)
            raise
        return ticket

    def name(self, ticket: Ticket, node_id: str, identity: str, now: float) -> None:
        """The stream has said which node it is, and proven ``identity`` ("" for nothing). StreamLimitError.

        Replicas may share a node's name, but not its address.
        """
        self._count(ticket, ("node", f"{ticket.host} {node_id}"), now)
        if identity:
            self._count(ticket, ("identity", identity), now)

    def hold(self, ticket: Ticket, names: int) -> None:
        """The stream makes us remember ``names`` of resources that there are not. StreamLimitError when all streams of
        its address together do that for too many."""
        block = block_of(ticket.host)
        self._names[block] += names - ticket.names
        ticket.names = names
        if self._names[block] <= 0:
            del self._names[block]
        elif self._names[block] > self.limits.names_per_address:
            most = f"{self.limits.names_per_address:,}"
            raise self._refusal(
                "names", f"the streams of this address name more than {most} resources that do not exist"
            )

    def leave(self, ticket: Ticket) -> None:
        """The stream is gone. Harmless when it is said twice."""
        if ticket.names:
            self.hold(ticket, 0)
        while ticket.keys:
            key = ticket.keys.pop()
            self._open[key] -= 1
            if self._open[key] <= 0:
                del self._open[key]

    def is_worth_a_line(self, host: str, now: float) -> bool:
        """Whether a refusal of ``host`` should be told, rather than only counted."""
        return self._audit_lines.take(block_of(host), now)

    def _count(self, ticket: Ticket, key: tuple[str, str], now: float) -> None:
        name, subject = key
        if self._open[key] >= self._most[name]:
            raise self._refusal(name, f"too many streams{_WHOSE[name]}: {self._most[name]} are open already")
        rate = self._rates.get(name)
        if rate is not None and not rate.take(subject, now):
            raise self._refusal(name, f"too many new streams{_WHOSE[name]} in too short a time")
        self._open[key] += 1
        ticket.keys.append(key)

    def _refusal(self, name: str, text: str) -> StreamLimitError:
        self.refused[name] += 1
        return StreamLimitError(name, f"{text}; try again later")
