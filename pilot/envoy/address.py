"""Addresses: sockets, Unix sockets and address ranges."""

from __future__ import annotations

from ipaddress import ip_network

from envoy_data_plane.envoy.config.core.v3 import Address, CidrRange, Pipe, SocketAddress

from envoycodec.construct import maker
from galley.kinds.values import UNIX_SCHEME

_address = maker(Address)
_socket_address = maker(SocketAddress)
_pipe = maker(Pipe)
_cidr_range = maker(CidrRange)


def render_address(address: str, port: int) -> Address:
    """An IP address or DNS name with a port, or the path of a Unix socket when ``port`` is 0."""
    if address.startswith(UNIX_SCHEME) or (port == 0 and address.startswith(("/", "@"))):
        return _address(pipe=_pipe(path=address.removeprefix(UNIX_SCHEME)))
    return _address(socket_address=render_socket_address(address, port))


def render_socket_address(address: str, port: int) -> SocketAddress:
    """An IP address or DNS name with a port; port 0 lets the operating system choose."""
    return _socket_address(address=address, port_value=port)


def render_cidr(text: str) -> CidrRange:
    """``10.0.0.0/8``, or a single address; bits beyond the prefix are cleared. ValueError when it is neither."""
    network = ip_network(text, strict=False)
    return _cidr_range(address_prefix=str(network.network_address), prefix_len=network.prefixlen)
