"""Which filters policies add, and which stand in chains and connection managers, in the order in which they act."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from citadel.ir import MeshServerTls, ServerTls
from pilot.ir.attached_filters import NO_ATTACHED_FILTERS, AttachedFilters, join_attached_filters
from pilot.ir.http_filters import CorsPlan, FaultPlan, GrpcStatsPlan, GrpcWebPlan, HttpFilterPlan, RouterPlan
from pilot.ir.listener import ChainMatchPlan, FilterChainPlan
from pilot.ir.network_filters import NetworkFilterPlan, TcpProxyPlan, TerminalFilterPlan, UpstreamAlpnPlan
from pilot.memo import Memo
from pilot.mesh.access import plan_access
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import AccessServers, AttachedKeys

ANY_CONNECTION = ChainMatchPlan()
CONNECT_TIMEOUT = timedelta(seconds=15)
"""How long a client may take to complete its transport handshake (Istio's value)."""


def plan_attached_filters(
    context: PushContext, attached: AttachedKeys, servers: AccessServers, memo: Memo, *, gateway: bool = False
) -> AttachedFilters:
    """What the policies that count for a workload, or for a gateway, add to its filters, in the order of the list."""
    return join_attached_filters(
        [
            plan_access(context, attached, servers, memo, gateway=gateway),
        ]
    )


def plan_http_filters(*, grpc_web: bool, attached: AttachedFilters) -> tuple[HttpFilterPlan, ...]:
    """The HTTP filters of a connection manager, in the order in which they see a request.

    Those of policies come first (``attached``), of which the first decide who is let in: nothing acts on a request
    that is not admitted.
    """
    filters: list[HttpFilterPlan | None] = [
        *attached.http,
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
    attached: AttachedFilters = NO_ATTACHED_FILTERS,
) -> FilterChainPlan:
    """The chain for connections that ``match``, which ends in ``terminal``.

    ``upstream_alpn`` is what connections to upstreams offer instead of the ALPN of their cluster; empty: that.
    ``attached`` decides about opaque connections before a byte is passed on; of an HTTP connection the requests are
    what is decided about (``plan_http_filters``).
    """
    before: tuple[NetworkFilterPlan, ...] = ()
    if isinstance(terminal, TcpProxyPlan) and attached.network:
        before, terminal = attached.network, replace(terminal, reports_denials=attached.reports_denials)
    filters: list[NetworkFilterPlan | None] = [
        *before,
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
