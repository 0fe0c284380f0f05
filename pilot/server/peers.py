"""Where calls come from, as limits count it."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import unquote

_BLOCK = 64
"""Bits of an IPv6 address that tell one subscriber of the internet from another (RFC 6177)."""


def host_of(peer: str) -> str:
    """The address of a gRPC peer without its port: ``ipv4:10.0.0.7:41234`` is ``ipv4:10.0.0.7``."""
    return peer.rpartition(":")[0] if peer.startswith(("ipv4:", "ipv6:")) else peer


def block_of(host: str) -> str:
    """What ``host`` (of `host_of`) counts for: the /64 of a public IPv6 address, else the address.

    Whoever has one such address usually has all of its /64 to choose from. Private networks are the mesh's own, and
    there many hosts share one.
    """
    scheme, _, written = unquote(host).partition(":")
    if scheme != "ipv6":
        return host
    try:
        address = ip_address(written.strip("[]").partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if mapped := address.ipv4_mapped:
        return f"ipv4:{mapped}"  # a listener for both families
    return f"ipv6:{ip_network((int(address), _BLOCK), strict=False)}" if address.is_global else host
