"""What is captured, and what is not: the parameters of a workload's capture rules (Istio's names and defaults)."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Literal

from galley.frozen import frozen
from pilot.node.metadata import Interception
from pilot.node.ports import (
    DNS_PORT,
    INBOUND_MARK,
    INBOUND_PORT,
    OUTBOUND_MARK,
    OUTBOUND_PORT,
    PROXY_GID,
    PROXY_UID,
    ROUTE_TABLE,
    TUNNEL_PORT,
)

EVERYTHING: Final = "*"
Ports = tuple[int, ...]
Network = IPv4Network | IPv6Network

REDIRECTED: Final = (Interception.REDIRECT, Interception.TPROXY)
"""How inbound connections reach the proxy where the kernel leads them there."""


@frozen
class DnsCapture:
    """Lead the application's DNS queries to ``port``.

    ``servers`` are the resolvers whose queries are led there, or "*" for all. ``tcp`` includes queries over TCP.
    ``split_zones`` keeps the proxy's own queries in a conntrack zone of their own, since both ends may choose the
    same source port.
    """

    servers: tuple[str, ...] | Literal["*"] = EVERYTHING
    port: int = DNS_PORT
    tcp: bool = False
    split_zones: bool = True


@frozen
class CaptureOptions:
    """The capture of one workload. Includes are a tuple, or "*" for everything; excludes beat includes.

    ``virtual_interfaces`` carry the traffic of virtual machines, which counts as outbound. ``owner_groups`` are the
    group ids of processes whose outbound traffic is captured. The marks and the route table are used by TPROXY.
    """

    interception: Interception = Interception.REDIRECT
    outbound_port: int = OUTBOUND_PORT
    inbound_port: int = INBOUND_PORT
    tunnel_port: int = TUNNEL_PORT
    proxy_uids: tuple[int, ...] = (PROXY_UID,)
    proxy_gids: tuple[int, ...] = (PROXY_GID,)
    inbound_ports: Ports | Literal["*"] = EVERYTHING
    exclude_inbound_ports: Ports = ()
    outbound_ports: Ports = ()
    exclude_outbound_ports: Ports = ()
    outbound_networks: tuple[Network, ...] | Literal["*"] = EVERYTHING
    exclude_outbound_networks: tuple[Network, ...] = ()
    virtual_interfaces: tuple[str, ...] = ()
    exclude_interfaces: tuple[str, ...] = ()
    owner_groups: tuple[int, ...] | Literal["*"] = EVERYTHING
    exclude_owner_groups: tuple[int, ...] = ()
    dns: DnsCapture | None = None
    inbound_mark: int = INBOUND_MARK
    outbound_mark: int = OUTBOUND_MARK
    route_table: int = ROUTE_TABLE
    drop_invalid: bool = False

    def __post_init__(self) -> None:
        if self.interception not in REDIRECTED:
            raise ValueError(f"with interception {self.interception} nothing is captured, and so there are no rules")

    @property
    def captures_inbound(self) -> bool:
        """Whether inbound connections are captured on any port."""
        return bool(self.inbound_ports)

    @property
    def uses_tproxy(self) -> bool:
        """Whether policy routing is needed."""
        return self.interception is Interception.TPROXY and self.captures_inbound

    @property
    def captures_loopback(self) -> bool:
        """Whether somebody named a loopback range to be captured, which is otherwise left alone."""
        networks = self.outbound_networks
        return not isinstance(networks, str) and any(network.is_loopback for network in networks)


def parse_interception(text: str) -> Interception:
    """REDIRECT or TPROXY, in any case. ValueError for another word, NONE among them."""
    word = text.strip().upper()
    if word not in REDIRECTED:
        raise ValueError(f"{text!r} is neither REDIRECT nor TPROXY")
    return Interception(word)


def parse_ports(text: str) -> Ports:
    """Comma-separated ports, in order and once each. ValueError names the part that is none."""
    return tuple(dict.fromkeys(parse_number(part, 1, 65535, "port") for part in _parts(text)))


def parse_ids(text: str) -> tuple[int, ...]:
    """Comma-separated numeric user or group ids. ValueError names the part that is none."""
    return tuple(dict.fromkeys(parse_number(part, 0, 2**32 - 2, "numeric id") for part in _parts(text)))


def parse_networks(text: str) -> tuple[Network, ...]:
    """Comma-separated address ranges or addresses, of both families. ValueError names the part that is none."""
    return tuple(dict.fromkeys(_network(part) for part in _parts(text)))


def parse_interfaces(text: str) -> tuple[str, ...]:
    """Comma-separated names of network interfaces. ValueError names the part that is none."""
    names = _parts(text)
    for name in names:
        if len(name) > 15 or not all(c.isascii() and (c.isalnum() or c in "-._@:") for c in name):
            raise ValueError(f"{name!r} is not the name of a network interface, such as eth0")
    return tuple(dict.fromkeys(names))


def parse_number(text: str, least: int, most: int, what: str) -> int:
    """A decimal number between ``least`` and ``most``. ValueError says what it should have been."""
    if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= most:
        raise ValueError(f"{text!r} is not a {what} between {least} and {most}")
    return int(text)


def _network(part: str) -> Network:
    try:
        return ip_network(part, strict=False)
    except ValueError:
        raise ValueError(f"{part!r} is not an address range, such as 10.0.0.0/8 or fd00::/8") from None


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
