"""Plans of listeners and of their filter chains."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from citadel.ir import MeshServerTls, ServerTls
from galley.frozen import frozen
from galley.meta import ResourceKey
from pilot.ir.network_filters import NetworkFilterPlan, TerminalFilterPlan


class ListenerFilter(StrEnum):
    """Listener filters, by what they find out about a connection."""

    ORIGINAL_DST = "original_dst"
    ORIGINAL_SRC = "original_src"
    TLS_INSPECTOR = "tls_inspector"
    HTTP_INSPECTOR = "http_inspector"
    PROXY_PROTOCOL = "proxy_protocol"


class Direction(StrEnum):
    """Envoy's traffic direction; gateways count as outbound, as in Istio."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


@frozen
class ChainMatchPlan:
    """Which connections a chain takes; what is empty matches any."""

    destination_port: int = 0
    server_names: tuple[str, ...] = ()
    transport_protocol: str = ""
    application_protocols: tuple[str, ...] = ()
    prefix_ranges: tuple[str, ...] = ()

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


@frozen
class TcpListenerPlan:
    """One listener for connections.

    ``address`` is an IP or a ``unix://`` path (then ``port`` is 0); with ``dual_stack`` it is 0.0.0.0, and the listener
    has the same port of ``::`` as well.

    ``inspector_excluded_ports`` are destination ports on which TLS and HTTP inspectors stay off (virtual inbound).
    """

    name: str
    address: str
    port: int
    chains: tuple[FilterChainPlan, ...]
    direction: Direction = Direction.OUTBOUND
    default_chain: FilterChainPlan | None = None
    listener_filters: tuple[ListenerFilter, ...] = ()
    http_inspector_excluded_ports: tuple[int, ...] = ()
    tls_inspector_excluded_ports: tuple[int, ...] = ()
    bind_to_port: bool = True
    use_original_dst: bool = False
    transparent: bool = False
    dual_stack: bool = False
    listener_filters_timeout: timedelta | None = None
    continue_on_listener_filters_timeout: bool = False
    origins: tuple[ResourceKey, ...] = ()


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
