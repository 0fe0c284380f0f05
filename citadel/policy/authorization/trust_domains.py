"""Trust domains in policies: a principal of the mesh's own domain means the same account in each of its aliases."""

from __future__ import annotations

from collections.abc import Iterable

LOCAL = "cluster.local"
"""In a principal it stands for the mesh's own trust domain, whatever that is called (Istio)."""

_PARTS = 5


def expand_principals(values: Iterable[str], trust_domains: tuple[str, ...]) -> tuple[str, ...]:
    """``values`` with one principal for each of ``trust_domains`` in the place of one that names any of them.

    Only full principals (``td/ns/NAMESPACE/sa/ACCOUNT``) are replaced; those of other domains stay, and so do a
    domain's wildcards, which cover the aliases that end alike.
    """
    return tuple(dict.fromkeys(new for value in values for new in _expand(value, trust_domains)))


def _expand(value: str, trust_domains: tuple[str, ...]) -> tuple[str, ...]:
    domain, _, rest = value.partition("/")
    if not trust_domains or value.count("/") != _PARTS - 1 or domain == "*":
        return (value,)
    if domain != LOCAL and not any(_covers(domain, own) for own in trust_domains):
        return (value,)
    return tuple(value if _covers_by_suffix(domain, own) else f"{own}/{rest}" for own in trust_domains)


def _covers(domain: str, own: str) -> bool:
    if domain.endswith("*"):
        return own.startswith(domain[:-1])
    return domain == own or _covers_by_suffix(domain, own)


def _covers_by_suffix(domain: str, own: str) -> bool:
    return domain.startswith("*") and own.endswith(domain[1:])


def expand_trust_domains(values: Iterable[str], trust_domains: tuple[str, ...]) -> tuple[str, ...]:
    """``values`` of a ``trustDomains`` field, where one domain of the mesh stands for all of them."""
    expanded = (new for value in values for new in (trust_domains if value in trust_domains else (value,)))
    return tuple(dict.fromkeys(expanded))
