"""Which filters stand in a filter chain and in a connection manager, and in which order: read from top to bottom."""

from __future__ import annotations

from datetime import timedelta

from citadel.ir import MeshServerTls, ServerTls
from pilot.ir.http_filters import CorsPlan, FaultPlan, GrpcStatsPlan, GrpcWebPlan, HttpFilterPlan, RouterPlan
from pilot.ir.listener import ChainMatchPlan, FilterChainPlan
from pilot.ir.network_filters import NetworkFilterPlan, TerminalFilterPlan, UpstreamAlpnPlan

ANY_CONNECTION = ChainMatchPlan()
CONNECT_TIMEOUT = timedelta(seconds=15)
"""How long a client may take to complete its transport handshake (Istio's value)."""


def plan_http_filters(*, grpc_web: bool) -> tuple[HttpFilterPlan, ...]:
    """The HTTP filters of a connection manager, in the order in which they see a request."""
    filters: list[HttpFilterPlan | None] = [
        # The place of Citadel's filters, before anything acts on a request: external authorization, JWT, RBAC.
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
) -> FilterChainPlan:
    """The chain for connections that ``match``, which ends in ``terminal``.

    ``upstream_alpn`` is what connections to upstreams offer instead of the ALPN of their cluster; empty: that.
    """
    filters: list[NetworkFilterPlan | None] = [
        # The place of Citadel's filters, before a byte is passed on: RBAC.
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
