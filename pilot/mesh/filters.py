"""Which filters stand in a filter chain and in a connection manager, and in which order: read from top to bottom."""

from __future__ import annotations

from datetime import timedelta

from citadel.ir import MeshServerTls, ServerTls
from pilot.ir.access import NO_ACCESS_FILTERS, AccessFilters
from pilot.ir.http_filters import CorsPlan, FaultPlan, GrpcStatsPlan, GrpcWebPlan, HttpFilterPlan, RouterPlan
from pilot.ir.listener import ChainMatchPlan, FilterChainPlan
from pilot.ir.network_filters import NetworkFilterPlan, TcpProxyPlan, TerminalFilterPlan, UpstreamAlpnPlan

ANY_CONNECTION = ChainMatchPlan()
CONNECT_TIMEOUT = timedelta(seconds=15)
"""How long a client may take to complete its transport handshake (Istio's value)."""


def plan_http_filters(*, grpc_web: bool, access: AccessFilters) -> tuple[HttpFilterPlan, ...]:
    """The HTTP filters of a connection manager, in the order in which they see a request.

    Who is let in is decided first (``access``): external authorization, tokens, rules. Nothing acts on a request that
    is not admitted.
    """
    filters: list[HttpFilterPlan | None] = [
        *access.http,
        GrpcWebPlan() if grpc_web else None,
        GrpcStatsPlan(),
        FaultPlan(),
        CorsPlan(),
        RouterPlan(),
    ]
    return tuple(each for each in filters if each is not None)


def plan_filter_chain(
    terminal: TerminalFilterPlan,
    match: ChainMatchPlan = ANY_CONNECTION,
    *,
    name: str = "",
    tls: ServerTls | MeshServerTls | None = None,
    upstream_alpn: tuple[str, ...] = (),
    access: AccessFilters = NO_ACCESS_FILTERS,
) -> FilterChainPlan:
    """The chain for connections that ``match``, which ends in ``terminal``.

    ``upstream_alpn`` is what connections to upstreams offer instead of the ALPN of their cluster; empty: that.
    ``access`` decides about opaque connections before a byte is passed on; of an HTTP connection the requests are what
    is decided about (``plan_http_filters``).
    """
    filters: list[NetworkFilterPlan | None] = [
        *(access.network if isinstance(terminal, TcpProxyPlan) else ()),
        UpstreamAlpnPlan(protocols=upstream_alpn) if upstream_alpn else None,
        terminal,
    ]
    return FilterChainPlan(
        filters=tuple(each for each in filters if each is not None),
        match=match,
        name=name,
        tls=tls,
        transport_connect_timeout=CONNECT_TIMEOUT,
    )
