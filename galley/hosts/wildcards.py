"""Wildcards: which hosts contain which, what two have in common, and which names a host most closely.

A wildcard is ``*`` followed by how the name ends; all of this is Istio's ``host.Name``. Hosts are given in lower case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

V = TypeVar("V")


def is_wildcard(host: str) -> bool:
    """Whether ``host`` stands for all names that end alike."""
    return host.startswith("*")


def is_subset(host: str, *, of: str) -> bool:
    """Whether everything that ``host`` names, ``of`` names too (Istio's ``SubsetOf``).

    ``*.foo.com`` does not name ``foo.com``.
    """
    if not is_wildcard(of):
        return host == of
    return host.removeprefix("*").endswith(of[1:])


def hosts_match(one: str, other: str) -> bool:
    """Whether one of two hosts contains the other (Istio's ``Matches``)."""
    return is_subset(one, of=other) or is_subset(other, of=one)


def common_host(one: str, other: str) -> str | None:
    """The hosts that both name: the narrower of the two; None when they have nothing in common."""
    if is_subset(one, of=other):
        return one
    return other if is_subset(other, of=one) else None


class HostIndex(Generic[V]):
    """Values by host, found for a name through the host that names it most closely.

    That is the same host, else the longest wildcard that contains it (Istio's ``MostSpecificHostMatch``).
    """

    def __init__(self, values: Mapping[str, V]) -> None:
        self._values = values
        self._by_suffix = {host[1:]: host for host in values if is_wildcard(host)}

    def containing(self, host: str) -> Iterator[str]:
        """The hosts that contain ``host``, which may be a wildcard itself; the most specific first."""
        if host in self._values:
            yield host
        name = host.removeprefix("*")
        for start in range(len(name) + 1) if self._by_suffix else ():
            wildcard = self._by_suffix.get(name[start:])
            if wildcard is not None and wildcard != host:
                yield wildcard

    def closest(self, host: str) -> str | None:
        """The host that names ``host`` most closely; None when no host does."""
        return next(self.containing(host), None)

    def find(self, host: str) -> V | None:
        """The value of the host that names ``host`` most closely."""
        return next(self.find_all(host), None)

    def find_all(self, host: str) -> Iterator[V]:
        """The values of all hosts that contain ``host``, those of the most specific first."""
        return (self._values[found] for found in self.containing(host))


def index_hosts(hosts: Iterable[str]) -> HostIndex[None]:
    """An index of ``hosts`` that answers which of them contain a name."""
    return HostIndex(dict.fromkeys(hosts))


def first_overlaps(hosts: Sequence[str]) -> Iterator[int | None]:
    """For each host the index of the first earlier one that contains it or that it contains; None without such a one.

    The work grows with the text and not with the number of pairs: a rule may have many thousands of hosts.
    """
    suffixes = {host[1:] for host in hosts if is_wildcard(host)}
    first: dict[str, int] = {}
    within: dict[str, int] = {}
    for index, host in enumerate(hosts):
        name = host.removeprefix("*")
        containing = [name[start:] for start in range(len(name) + 1) if name[start:] in suffixes] if suffixes else []
        found = [first.get(host), *(first.get(f"*{suffix}") for suffix in containing)]
        if is_wildcard(host):
            found.append(within.get(name))
        yield min((one for one in found if one is not None), default=None)
        first.setdefault(host, index)
        for suffix in containing:
            within.setdefault(suffix, index)
