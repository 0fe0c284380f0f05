"""The address of a proxy whose bootstrap leaves it open: where its stream comes from.

A bootstrap that is written before its container runs, or that several hosts share, cannot name an address. Its node
says 0.0.0.0 (or ::) where others have theirs, and the control plane puts in the address that it sees.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address, ip_address
from urllib.parse import unquote

from envoycodec.discovery import Node
from pilot.node.metadata import read_metadata, with_addresses
from pilot.node.node_id import NodeError, NodeId


def locate_node(node: Node, peer: str) -> Node:
    """``node`` with the address of ``peer`` (as gRPC writes it) in place of an unspecified one; others as they are.

    The address becomes part of the node id, so that the replicas of one bootstrap are told apart. ValueError when the
    peer has no address: it came over a Unix socket.
    """
    try:
        node_id, addresses = NodeId.parse(node.id), read_metadata(node.metadata).addresses
    except NodeError:
        return node  # whoever reads the node says what is wrong with it
    if not _is_unspecified(node_id.address):
        return node
    address = _address_of(peer)
    if not address:
        raise ValueError(
            f"node {node.id!r} leaves its address open, and {peer} has none; write the bootstrap with --ip ADDRESS"
        )
    others = tuple(one for one in addresses if not _is_unspecified(one))
    return replace(node, id=str(node_id.at(address)), metadata=with_addresses(node.metadata, (address, *others)))


def _is_unspecified(text: str) -> bool:
    try:
        return ip_address(text).is_unspecified
    except ValueError:
        return False


def _address_of(peer: str) -> str:
    """``ipv4:10.0.0.7:41234`` or ``ipv6:%5Bfe80::1%25eth0%5D:41234``; "" for anything else.

    A listener for both families sees IPv4 clients at mapped addresses.
    """
    scheme, _, place = unquote(peer).partition(":")
    if scheme not in ("ipv4", "ipv6"):
        return ""
    host = place.rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
