"""Plans of listeners and of their filter chains."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_network

from citadel.ir import MeshServerTls, ServerTls
from galley.frozen import frozen
from galley.meta import ResourceKey
from pilot.ir.listener_filters import ListenerFilterPlan
from pilot.ir.network_filters import NetworkFilterPlan, TerminalFilterPlan


class Direction(StrEnum):
    """Envoy's traffic direction; gateways count as outbound, as in Istio."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


@frozen
class ChainMatchPlan:
    """Which connections a chain takes; what is empty matches any.

    Server names are in lower case, in order and without repetition, and so are address ranges, as networks. The name
    ``*`` is said by leaving all names out. ValueError for a range that is none.
    """

    destination_port: int = 0
    server_names: tuple[str, ...] = ()
    transport_protocol: str = ""
    application_protocols: tuple[str, ...] = ()
    prefix_ranges: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = () if "*" in self.server_names else tuple(sorted({name.lower() for name in self.server_names}))
        ranges = tuple(dict.fromkeys(str(ip_network(one, strict=False)) for one in self.prefix_ranges))
        object.__setattr__(self, "server_names", names)
        object.__setattr__(self, "prefix_ranges", ranges)

    @property
    def is_match_all(self) -> bool:
        """Whether any connection is taken."""
        return self == _ANY_CONNECTION


_ANY_CONNECTION = ChainMatchPlan()


@frozen
class FilterChainPlan:
    """One filter chain: who it takes, what it terminates, and the filters, of which the last one ends it.

    ValueError unless exactly the last filter is one that ends a chain.
    """

    filters: tuple[NetworkFilterPlan, ...]
    match: ChainMatchPlan = ChainMatchPlan()
    name: str = ""
    tls: ServerTls | MeshServerTls | None = None
    transport_connect_timeout: timedelta | None = None

    def __post_init__(self) -> None:
        ends = [index for index, each in enumerate(self.filters) if isinstance(each, TerminalFilterPlan)]
        if ends != [len(self.filters) - 1]:
            raise ValueError("a filter chain has one filter that ends it, its last one")

    @property
    def terminal(self) -> TerminalFilterPlan:
        """The filter that ends the chain."""
        last = self.filters[-1]
        assert isinstance(last, TerminalFilterPlan)
        return last


@dataclass(slots=True)
class ChainClaims:
    """What the chains of one listener match so far; the first chain keeps a name or an address range.

    Envoy refuses a listener in which two chains could take one connection.
    """

    _claimed: set[tuple[object, ...]] = field(default_factory=set)

    def claim(self, chain: FilterChainPlan) -> FilterChainPlan | None:
        """The chain with what earlier chains left to it; None when that is nothing."""
        match = chain.match
        names, ranges = match.server_names or ("",), match.prefix_ranges or ("",)
        if match.server_names:
            names = tuple(name for name in names if self._is_free(match, name, ranges))
        else:
            ranges = tuple(one for one in ranges if self._is_free(match, "", (one,)))
        if not names or not ranges:
            return None
        for name in names:
            self._claimed.update(_combinations(match, name, ranges))
        left = replace(match, server_names=tuple(filter(None, names)), prefix_ranges=tuple(filter(None, ranges)))
        return chain if left == match else replace(chain, match=left)

    def _is_free(self, match: ChainMatchPlan, name: str, ranges: tuple[str, ...]) -> bool:
        return self._claimed.isdisjoint(_combinations(match, name, ranges))


def _combinations(match: ChainMatchPlan, name: str, ranges: tuple[str, ...]) -> list[tuple[object, ...]]:
    """One entry for each way in which a connection can be matched."""
    return [
        (match.destination_port, match.transport_protocol, protocol, name, one)
        for protocol in match.application_protocols or ("",)
        for one in ranges
    ]


@frozen
class TcpListenerPlan:
    """One listener for connections. Of chains that would take the same ones the first keeps them.

    ValueError without any chain.

    ``address`` is an IP or a ``unix://`` path (then ``port`` is 0); with ``dual_stack`` it is 0.0.0.0, and the listener
    has the same port of ``::`` as well.
    """

    name: str
    address: str
    port: int
    chains: tuple[FilterChainPlan, ...]
    direction: Direction = Direction.OUTBOUND
    default_chain: FilterChainPlan | None = None
    listener_filters: tuple[ListenerFilterPlan, ...] = ()
    bind_to_port: bool = True
    use_original_dst: bool = False
    transparent: bool = False
    dual_stack: bool = False
    listener_filters_timeout: timedelta | None = None
    continue_on_listener_filters_timeout: bool = False
    origins: tuple[ResourceKey, ...] = ()

    def __post_init__(self) -> None:
        if not self.chains and self.default_chain is None:
            raise ValueError(f"listener {self.name} has no filter chain")
        claims = ChainClaims()
        claimed = (claims.claim(chain) for chain in self.chains)
        object.__setattr__(self, "chains", tuple(chain for chain in claimed if chain is not None))


@frozen
class DnsNamePlan:
    """One name and its addresses, of both families, good for ``ttl``. ``*.`` at the start of a name stands for one or
    more labels."""

    name: str
    addresses: tuple[str, ...]
    ttl: timedelta


@frozen
class DnsListenerPlan:
    """Answers queries at ``port`` of each of ``addresses``, over UDP.

    Every name occurs once. What is not in the table is asked of the resolvers that the proxy's own host has.
    """

    name: str
    addresses: tuple[str, ...]
    port: int
    names: tuple[DnsNamePlan, ...]
    origins: tuple[ResourceKey, ...] = ()


ListenerPlan = TcpListenerPlan | DnsListenerPlan
