"""Packet filter rules as values, which iptables and nftables say in their own words."""

from __future__ import annotations

from enum import StrEnum

from galley.frozen import frozen


class Family(StrEnum):
    """Address families, each with rules of its own."""

    IPV4 = "ip"
    IPV6 = "ip6"


class Verdict(StrEnum):
    """What ends the way through a chain."""

    RETURN = "RETURN"
    ACCEPT = "ACCEPT"
    DROP = "DROP"


@frozen
class Jump:
    """On to a chain of ours."""

    chain: str


@frozen
class Redirect:
    """To a port of this machine; the original destination stays known to the socket (SO_ORIGINAL_DST)."""

    port: int


@frozen
class TransparentProxy:
    """To the transparent socket on ``port``, addresses unchanged. ``mark`` leads the packet there by policy routing."""

    port: int
    mark: int


@frozen
class SetMark:
    """Mark the packet."""

    mark: int


class ConnectionMark(StrEnum):
    """Copy the packet's mark to its connection, or back."""

    SAVE = "save"
    RESTORE = "restore"


@frozen
class ConntrackZone:
    """Track the connection apart from those of other zones."""

    zone: int


Target = Verdict | Jump | Redirect | TransparentProxy | SetMark | ConnectionMark | ConntrackZone


@frozen
class Owner:
    """The user or group whose process owns the socket; with ``other`` any but that."""

    uid: int | None = None
    gid: int | None = None
    other: bool = False


@frozen
class Rule:
    """What a packet must be, and what is done with it. Empty conditions hold for every packet.

    Each ``not_`` field is the condition that a packet must *not* fulfil. ``first`` puts a rule of a built-in chain
    before those of others.
    """

    target: Target
    source: str = ""
    destination: str = ""
    not_destination: str = ""
    in_interface: str = ""
    out_interface: str = ""
    protocol: str = ""
    source_port: int = 0
    destination_port: int = 0
    not_destination_ports: tuple[int, ...] = ()
    owners: tuple[Owner, ...] = ()
    mark: int = 0
    not_mark: int = 0
    connection_mark: int = 0
    states: tuple[str, ...] = ()
    first: bool = False


@frozen
class Chain:
    """Rules in order. PREROUTING and OUTPUT are the kernel's own chains, all others are ours alone."""

    name: str
    rules: tuple[Rule, ...]


@frozen
class Table:
    """Chains of one table (``raw``, ``mangle`` or ``nat``)."""

    name: str
    chains: tuple[Chain, ...]


@frozen
class Ruleset:
    """All capture rules of one address family. Tables without rules are left out."""

    family: Family
    tables: tuple[Table, ...]


PREROUTING = "PREROUTING"
OUTPUT = "OUTPUT"
BUILT_IN_CHAINS = (PREROUTING, OUTPUT)
TABLE_NAMES = ("raw", "mangle", "nat")

ISTIO_INBOUND = "ISTIO_INBOUND"
ISTIO_IN_REDIRECT = "ISTIO_IN_REDIRECT"
ISTIO_OUTPUT = "ISTIO_OUTPUT"
ISTIO_REDIRECT = "ISTIO_REDIRECT"
ISTIO_DIVERT = "ISTIO_DIVERT"
ISTIO_TPROXY = "ISTIO_TPROXY"
ISTIO_INBOUND_DNS = "ISTIO_INBOUND_DNS"
ISTIO_OUTPUT_DNS = "ISTIO_OUTPUT_DNS"
ISTIO_DROP = "ISTIO_DROP"
OWN_CHAINS = (
    ISTIO_INBOUND,
    ISTIO_IN_REDIRECT,
    ISTIO_OUTPUT,
    ISTIO_REDIRECT,
    ISTIO_DIVERT,
    ISTIO_TPROXY,
    ISTIO_INBOUND_DNS,
    ISTIO_OUTPUT_DNS,
    ISTIO_DROP,
)
