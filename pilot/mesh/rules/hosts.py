"""Host algebra: names and ``*.`` wildcards, contained in one another or overlapping."""

from __future__ import annotations

from collections.abc import Container, Iterable


def is_wildcard(host: str) -> bool:
    return host.startswith("*")


def is_subset(host: str, *, of: str) -> bool:
    """Whether everything that ``host`` names, ``of`` names too (Istio's "SubsetOf").

    ``*.foo.com`` does not name ``foo.com``.
    """
    if not of.startswith("*"):
        return host == of
    return len(host) >= len(of) and host.endswith(of[1:])


def hosts_match(one: str, other: str) -> bool:
    """Whether one of two hosts contains the other (Istio's "Matches")."""
    return is_subset(one, of=other) or is_subset(other, of=one)


def common_host(one: str, other: str) -> str | None:
    """The hosts that both name: the narrower of the two; None when they have nothing in common."""
    if is_subset(one, of=other):
        return one
    return other if is_subset(other, of=one) else None


def by_specificity(wildcards: Iterable[str]) -> tuple[str, ...]:
    """Wildcards with the most specific first: longest, ties alphabetical."""
    return tuple(sorted(wildcards, key=lambda host: (-len(host), host)))


def most_specific(hostname: str, named: Container[str], wildcards: Iterable[str]) -> str | None:
    """What names ``hostname`` most closely: the same name, else the first of ``wildcards`` (most specific first)."""
    if hostname in named:
        return hostname
    return next((wildcard for wildcard in wildcards if is_subset(hostname, of=wildcard)), None)
