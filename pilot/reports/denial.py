"""A request or connection that a proxy did not let in, and which policy decided that: from Envoy's own words."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from envoycodec.access_log import LogEntry
from galley.meta import ResourceKey
from galley.text.wording import printable, shortened

_LONGEST = 512
"""Characters that are kept of what a client chose: its path say."""

MOST_DENIALS = 10_000
"""As many are remembered, some 500 bytes each."""


class DecidedBy(StrEnum):
    """What refused: a rule of a DENY policy, ALLOW policies of which none matched, a token, or a server asked."""

    RULE = "rule"
    NO_RULE = "no rule"
    TOKEN = "token"
    SERVER = "server"


_MATCHED = re.compile(
    r"rbac_access_denied_matched_policy\["
    r"(?P<asked>istio-ext-authz-.*-)?ns\[(?P<ns>[^]]*)\]-policy\[(?P<name>.*)\]-rule\[(?P<rule>\d+)\]"
    r"(?:-deny-due-to-bad-CUSTOM-action)?\]"
)
_UNMATCHED = "rbac_access_denied_matched_policy["
_TOKEN = re.compile(r"jwt_authn_access_denied\{(?P<why>[^}]*)\}?")
_SERVER = "ext_authz_"


@dataclass(frozen=True, slots=True)
class Denial:
    """``number`` counts all denials since the start, from 1. ``proxy`` is the node id of the proxy, ``entry`` what it
    logged. ``policy`` and ``rule`` (from 0) are those that decided, None where no single one did; ``why`` is what a
    proxy says beyond that."""

    number: int
    proxy: str
    entry: LogEntry
    decided_by: DecidedBy
    policy: ResourceKey | None = None
    rule: int | None = None
    why: str = ""


def read_denial(number: int, proxy: str, entry: LogEntry) -> Denial | None:
    """What ``entry`` says, None when it is about no denial."""
    details = entry.details
    if (matched := _MATCHED.fullmatch(details)) is not None:
        policy = ResourceKey(kind="AuthorizationPolicy", namespace=matched["ns"], name=matched["name"])
        by, why = (DecidedBy.SERVER, "it cannot be asked") if matched["asked"] else (DecidedBy.RULE, "")
        return Denial(number, proxy, entry, by, policy, int(matched["rule"]), why)
    if details.startswith(_UNMATCHED):
        return Denial(number, proxy, entry, DecidedBy.NO_RULE)
    if (token := _TOKEN.match(details)) is not None:
        return Denial(number, proxy, entry, DecidedBy.TOKEN, why=token["why"].replace("_", " "))
    if details.startswith(_SERVER):
        why = "" if details == "ext_authz_denied" else details.removeprefix(_SERVER).replace("_", " ")
        return Denial(number, proxy, entry, DecidedBy.SERVER, why=why)
    return None


class Denials:
    """The last of all denials that proxies reported, in bounded memory. Not for several threads at once."""

    def __init__(self, most: int = MOST_DENIALS) -> None:
        self._kept: deque[Denial] = deque(maxlen=most)
        self._count = 0

    @property
    def count(self) -> int:
        """How many there were since the start."""
        return self._count

    def add(self, proxy: str, entries: Iterable[LogEntry]) -> None:
        """Take in what ``proxy`` reports."""
        for entry in entries:
            denial = read_denial(self._count + 1, proxy, _bounded(entry))
            if denial is not None:
                self._count += 1
                self._kept.append(denial)

    def since(self, number: int, most: int) -> Iterator[Denial]:
        """Those after the one of this ``number``, the oldest first, up to ``most`` of them."""
        yield from islice((denial for denial in self._kept if denial.number > number), most)


def _bounded(entry: LogEntry) -> LogEntry:
    """The entry without what a terminal would obey, and of bounded length: clients choose what stands in it."""
    texts = {name: shortened(printable(getattr(entry, name)), _LONGEST) for name in _TEXTS}
    return LogEntry(time=entry.time, code=entry.code, **texts)


_TEXTS = ("method", "authority", "path", "details", "principal", "peer", "client", "request_id")
