"""Where calls come from: the address that limits count, and that of a proxy whose bootstrap leaves it open.

A bootstrap that is written before its container runs, or that several hosts share, cannot name an address. Its node
says 0.0.0.0 (or ::) where others have theirs, and the control plane puts in the address that it sees.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import unquote

from envoycodec.discovery import Node
from pilot.node.metadata import read_metadata, with_addresses
from pilot.node.node_id import NodeError, NodeId

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
    address = _address_of(host)
    if address is None or not host.startswith("ipv6:"):
        return host
    if isinstance(address, IPv4Address):
        return f"ipv4:{address}"
    return f"ipv6:{ip_network((int(address), _BLOCK), strict=False)}" if address.is_global else host


def locate_node(node: Node, peer: str) -> Node:
    """``node`` with the address of ``peer`` (as gRPC writes it) in place of an unspecified one; others as they are.

    The address becomes part of the node id, so that the replicas of one bootstrap are told apart. ValueError when the
    peer has no address: it came over a Unix socket.
    """
    try:
        node_id = NodeId.parse(node.id)
        if not _is_unspecified(node_id.address):
            return node
        addresses = read_metadata(node.metadata).addresses
    except NodeError:
        return node  # whoever reads the node says what is wrong with it
    address = _address_of(host_of(peer))
    if address is None:
        raise ValueError(
            f"node {node.id!r} leaves its address open, and {peer} has none; write the bootstrap with --ip ADDRESS"
        )
    others = tuple(one for one in addresses if not _is_unspecified(one))
    return replace(
        node, id=str(node_id.at(str(address))), metadata=with_addresses(node.metadata, (str(address), *others))
    )


def _is_unspecified(text: str) -> bool:
    try:
        return ip_address(text).is_unspecified
    except ValueError:
        return False


def _address_of(host: str) -> IPv4Address | IPv6Address | None:
    """That of ``ipv4:10.0.0.7``, ``ipv6:%5Bfe80::1%25eth0%5D`` or ``ipv6:[::1]``; None of anything else.

    A listener for both families sees IPv4 clients at mapped addresses.
    """
    scheme, _, written = unquote(host).partition(":")
    if scheme not in ("ipv4", "ipv6"):
        return None
    try:
        address = ip_address(written.strip("[]").partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
