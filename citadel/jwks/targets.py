"""Where key sets may be fetched: a policy's author must not make the control plane ask its own host or network."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from galley.frozen import frozen

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network


@frozen
class Targets:
    """The addresses that may be asked: all public ones, and those in ``allowed``."""

    allowed: tuple[_Network, ...] = ()

    def refusal(self, address: str) -> str:
        """Why ``address`` may not be asked; "" when it may."""
        found = _embedded(ip_address(address.partition("%")[0]))
        if any(found.version == network.version and found in network for network in self.allowed):
            return ""
        if found.is_global and not found.is_multicast:
            return ""
        return f"{address} is {_kind_of(found)}; --jwks-allow {address} would permit it"


def parse_targets(networks: Iterable[str]) -> Targets:
    """Targets with further networks, such as ``10.0.0.0/8``. Raises ValueError for what is none."""
    return Targets(tuple(ip_network(network, strict=False) for network in networks))


def _embedded(address: _Address) -> _Address:
    """The IPv4 address inside an IPv6 one, by which the same host would be reached."""
    if isinstance(address, IPv6Address):
        teredo = address.teredo
        return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or _nat64(address) or address
    return address


def _nat64(address: IPv6Address) -> IPv4Address | None:
    """RFC 6052's well-known prefix."""
    if address in ip_network("64:ff9b::/96"):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _kind_of(address: _Address) -> str:
    kinds = {
        "a loopback address": address.is_loopback,
        "a link-local address": address.is_link_local,
        "a multicast address": address.is_multicast,
        "unspecified": address.is_unspecified,
        "a private address": address.is_private,
    }
    return next((kind for kind, holds in kinds.items() if holds), "not a public address")
