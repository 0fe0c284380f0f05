"""One outbound listener of a sidecar: its chains, its default chain and the inspectors that these need."""

from __future__ import annotations

from galley.frozen import frozen
from galley.meta import ResourceKey
from pilot.ir.listener import ChainMatchPlan, FilterChainPlan, TcpListenerPlan
from pilot.ir.listener_filters import HttpInspectorPlan, ListenerFilterPlan, TlsInspectorPlan
from pilot.ir.network_filters import HttpConnectionPlan
from pilot.mesh.clusters.mutual_tls import ANY_HTTP_ALPN
from pilot.mesh.filters import ANY_CONNECTION, plan_filter_chain, plan_http_filters
from pilot.mesh.listener_settings import NO_TIME, ListenerSettings
from pilot.mesh.naming import BLACK_HOLE_CLUSTER, VIRTUAL_OUTBOUND, listener_name
from pilot.mesh.rules.tcp_routes import single_cluster_proxy

PASSTHROUGH_CHAIN = "PassthroughFilterChain"
ANY_IPV4 = "0.0.0.0"


@frozen
class OutboundSettings:
    """What all outbound listeners of a scope share. ``unknown_cluster`` takes what no service is known for;
    ``mutual_tls`` tells whether proxies have identities."""

    unknown_cluster: str
    shared: ListenerSettings = ListenerSettings()
    dual_stack: bool = False
    mutual_tls: bool = False


@frozen
class OutboundListener:
    """What several services ask for at one address: HTTP routes (``route_name``), opaque chains, or both.

    ``bound`` listeners own a socket; the others only receive what virtualOutbound hands over. With ``undeclared`` all
    its HTTP is for ports of which nobody said that they carry HTTP.
    """

    address: str
    port: int
    bound: bool = False
    route_name: str = ""
    absolute_urls: bool = False
    grpc_web: bool = False
    undeclared: bool = False
    chains: tuple[FilterChainPlan, ...] = ()
    origins: tuple[ResourceKey, ...] = ()


def plan_outbound_listener(listener: OutboundListener, settings: OutboundSettings) -> TcpListenerPlan:
    """The listener. HTTP beside anything else, or where connections of any kind are redirected, is sniffed for."""
    sniffed = bool(listener.route_name) and (bool(listener.chains) or not listener.bound)
    chains, default = _split(listener.chains)
    if listener.route_name:
        chains = (_http_chain(listener, settings, sniffed=sniffed), *chains)
    if default is None and not listener.bound and not any(chain.match.is_match_all for chain in chains):
        unknown = single_cluster_proxy(settings.unknown_cluster, settings.shared.access_log)
        default = plan_filter_chain(unknown, name=PASSTHROUGH_CHAIN)
    if default is not None and not chains:  # a match-all chain that is alone stays an ordinary one
        chains, default = (default,), None
    filters = _inspectors(chains, sniffed=sniffed)
    return TcpListenerPlan(
        name=listener.address if not listener.port else listener_name(listener.address, listener.port),
        address=listener.address,
        port=listener.port,
        chains=chains,
        default_chain=default,
        listener_filters=filters,
        bind_to_port=listener.bound,
        dual_stack=settings.dual_stack and listener.address == ANY_IPV4,
        listener_filters_timeout=settings.shared.detection_timeout if sniffed else NO_TIME,
        continue_on_listener_filters_timeout=True,
        origins=tuple(dict.fromkeys((*listener.origins, *settings.shared.origins))),
    )


def _split(chains: tuple[FilterChainPlan, ...]) -> tuple[tuple[FilterChainPlan, ...], FilterChainPlan | None]:
    """Chains with a condition, and the one without."""
    match_all = next((chain for chain in chains if chain.match.is_match_all), None)
    return tuple(chain for chain in chains if chain is not match_all), match_all


def _http_chain(listener: OutboundListener, settings: OutboundSettings, *, sniffed: bool) -> FilterChainPlan:
    name = listener.address if not listener.port else listener_name(listener.address, listener.port)
    connection = HttpConnectionPlan(
        stat_prefix=f"outbound_{name}",
        route_name=listener.route_name,
        filters=plan_http_filters(grpc_web=listener.grpc_web, attached=settings.shared.attached),
        settings=settings.shared.http,
        allow_absolute_url=listener.absolute_urls,
    )
    # The clusters of such ports offer what stands for opaque bytes; servers would not read the HTTP.
    alpn = ANY_HTTP_ALPN if listener.undeclared and settings.mutual_tls else ()
    match = _plain_http_match(settings.shared.plain_http) if sniffed else ANY_CONNECTION
    return plan_filter_chain(connection, match, upstream_alpn=alpn)


def _plain_http_match(versions: tuple[str, ...]) -> ChainMatchPlan:
    """Connections in which the HTTP inspector has found plain-text HTTP."""
    return ChainMatchPlan(transport_protocol="raw_buffer", application_protocols=versions)


def _inspectors(chains: tuple[FilterChainPlan, ...], *, sniffed: bool) -> tuple[ListenerFilterPlan, ...]:
    tls = (TlsInspectorPlan(),) if any(chain.match.server_names for chain in chains) else ()
    return (*tls, HttpInspectorPlan()) if sniffed else tls


def plan_virtual_outbound(address: str, port: int, transparent: bool, settings: OutboundSettings) -> TcpListenerPlan:
    """The listener that all outbound connections are redirected to. It hands each over to the listener of its
    original destination; what stays here is for nobody known, or (by its port) a loop."""
    loop = plan_filter_chain(
        single_cluster_proxy(BLACK_HOLE_CLUSTER, settings.shared.access_log),
        ChainMatchPlan(destination_port=port),
        name=f"{VIRTUAL_OUTBOUND}-blackhole",
    )
    unknown = plan_filter_chain(
        single_cluster_proxy(settings.unknown_cluster, settings.shared.access_log),
        name=f"{VIRTUAL_OUTBOUND}-catchall-tcp",
    )
    return TcpListenerPlan(
        name=VIRTUAL_OUTBOUND,
        address=address,
        port=port,
        chains=(loop, unknown),
        use_original_dst=True,
        transparent=transparent,
        dual_stack=settings.dual_stack,
        origins=settings.shared.origins,
    )
