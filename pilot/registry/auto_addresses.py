"""Virtual addresses for services that have none, so that a name can stand for each of them in the mesh's own DNS.

Addresses follow from the set of services alone, not from the order of files or from what was given before: every
control plane gives the same ones, before and after a restart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

from galley.frozen import frozen
from galley.hosts.wildcards import is_wildcard
from pilot.registry.catalog import Service, ServiceKey, ServiceResolution

IPV4_RANGE, IPV6_RANGE = "240.240.0.0/16", "2001:2::/48"
"""Istio's ranges. Nobody routes the first; the second is for benchmarks, so nobody has a service there either."""

AUTO_ALLOCATE_LABEL = "networking.istio.io/enable-autoallocate-ip"

_IPV4_BASE, _IPV6_BASE = int(IPv4Address("240.240.0.0")), int(IPv6Address("2001:2::"))
_HOSTS_PER_OCTET = 254  # neither .0 nor .255, which some programs take for a network or a broadcast
_IPV4_SLOTS = 65_011  # the largest prime among the 256 * 254 addresses: whatever the step, all of them are tried
_IPV6_SLOTS = 2**80 - 65  # the largest prime below the 80 bits of the range


@frozen
class AutoAddress:
    """The automatic addresses of one service; ``ipv4`` is "" when all 65,011 are taken."""

    ipv4: str
    ipv6: str


def gets_addresses(service: Service) -> bool:
    """Istio's rules: no address of its own, an exact name, and endpoints that its clients do not choose themselves."""
    return (
        not service.addresses
        and service.resolution not in (ServiceResolution.PASSTHROUGH, ServiceResolution.ALIAS)
        and not is_wildcard(service.hostname)
        and service.labels.get(AUTO_ALLOCATE_LABEL, "").lower() != "false"
    )


def allocate_addresses(services: Iterable[Service]) -> dict[ServiceKey, AutoAddress]:
    """The addresses of all services that get some.

    Each service has an order of addresses of its own, from a hash of namespace and host, and takes the first that no
    older service has. So of a thousand services about eight do not have their first choice, and one more service
    moves another one only if their choices meet (1.5 %) and it counts as older: never where creation timestamps tell.
    """
    wanting = sorted(filter(gets_addresses, services), key=lambda service: (service.age, service.hostname))
    taken_ipv4: set[int] = set()
    taken_ipv6: set[int] = set()
    allocated = {}
    for service in wanting:
        digest = hashlib.blake2b(f"{service.namespace}/{service.hostname}".encode(), digest_size=40).digest()
        ipv4 = _first_free(digest[:8], _IPV4_SLOTS, taken_ipv4)
        ipv6 = _first_free(digest[8:], _IPV6_SLOTS, taken_ipv6)
        allocated[service.key] = _auto_address(ipv4, ipv6)
    return allocated


@lru_cache(maxsize=2**14)
def _auto_address(ipv4: int | None, ipv6: int | None) -> AutoAddress:
    assert ipv6 is not None, "there are more addresses than services in the world"
    return AutoAddress(
        ipv4="" if ipv4 is None else _ipv4(ipv4),
        ipv6=str(IPv6Address(_IPV6_BASE + 1 + ipv6)),
    )


def _first_free(digest: bytes, slots: int, taken: set[int]) -> int | None:
    if len(taken) >= slots:
        return None
    slot = next(slot for slot in _choices(digest, slots) if slot not in taken)
    taken.add(slot)
    return slot


def _choices(digest: bytes, slots: int) -> Iterator[int]:
    """All slots, in an order that the digest decides."""
    half = len(digest) // 2
    slot = int.from_bytes(digest[:half], "big") % slots
    step = 1 + int.from_bytes(digest[half:], "big") % (slots - 1)
    while True:
        yield slot
        slot = (slot + step) % slots


def _ipv4(slot: int) -> str:
    high, low = divmod(slot, _HOSTS_PER_OCTET)
    return str(IPv4Address(_IPV4_BASE + 256 * high + 1 + low))
