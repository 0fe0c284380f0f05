"""What stands behind one port of a workload: its filter chains and its routes."""

from __future__ import annotations

from citadel.ir import MeshServerTls, MeshTls, MtlsMode
from galley.frozen import frozen
from galley.kinds.mesh_config import ForwardClientCertDetails
from galley.meta import ResourceKey
from pilot.ir.http_filters import RouteFilterPlan
from pilot.ir.listener import ChainMatchPlan, FilterChainPlan
from pilot.ir.network_filters import HttpConnectionPlan, TcpProxyPlan
from pilot.ir.route import (
    ForwardPlan,
    RetryPlan,
    RouteConfigPlan,
    RouteMatchPlan,
    RoutePlan,
    VirtualHostPlan,
    WeightedClusterPlan,
)
from pilot.mesh.context.scope import InboundPort
from pilot.mesh.filters import plan_filter_chain, plan_http_filters
from pilot.mesh.inbound.matches import OPAQUE_ANYTHING, InboundMatch, inbound_matches
from pilot.mesh.listener_settings import ListenerSettings
from pilot.mesh.naming import (
    BLACK_HOLE_CLUSTER,
    INBOUND_PASSTHROUGH_CLUSTER,
    SERVER_NAME,
    inbound_cluster,
    listener_name,
)
from pilot.mesh.rules.tcp_routes import single_cluster_proxy
from pilot.registry.catalog import Protocol

_RESET_ONLY = RetryPlan(num_retries=2, retry_on="reset-before-request", previous_hosts=False)
"""The application closed an idle connection just as it was used again: harmless to try once more (Istio)."""


@frozen
class InboundSettings:
    """What all inbound listeners of a scope share. ``wildcard`` is the address that stands for any; ``mtls`` is None
    where workloads have no identities."""

    wildcard: str
    listen_port: int
    transparent: bool = False
    dual_stack: bool = False
    shared: ListenerSettings = ListenerSettings()
    mtls: MeshTls | None = None


def plan_port_chains(
    port: InboundPort, settings: InboundSettings, mode: MtlsMode = MtlsMode.DISABLE
) -> tuple[FilterChainPlan, ...]:
    """The chains of one port: for each kind of connection that its mode admits the one that ends it."""
    protocol = Protocol(port.protocol)
    if _refuses(mode, settings):
        return (_refusal(settings, 0 if port.bound else port.listen_port),)
    captured = not port.bound  # several ports share virtualInbound and are told apart by where the connection went
    name = listener_name(settings.wildcard, port.listen_port) if captured else ""
    end = _ChainEnd(
        http=_http_connection(
            stat_prefix=f"inbound_{listener_name(port.listen_address or settings.wildcard, port.listen_port)}",
            routes=plan_inbound_routes(port, settings.shared.attached.routes),
            grpc_web=protocol is Protocol.GRPC_WEB,
            settings=settings,
        ),
        opaque=single_cluster_proxy(inbound_cluster(port.listen_port), settings.shared.access_log),
        http_name=name,
        opaque_name=name,
        destination_port=port.listen_port if captured else 0,
        # Nobody looks for TLS at a socket of its own where none is ended: all that comes is what it is.
        any_transport=mode is MtlsMode.DISABLE and not captured,
    )
    return _plan_chains(end, inbound_matches(mode, protocol, settings.shared.plain_http), settings)


def plan_passthrough_chains(
    settings: InboundSettings, mode: MtlsMode = MtlsMode.DISABLE, destination_port: int = 0
) -> tuple[FilterChainPlan, ...]:
    """What no service is known for goes on to where it was going, as HTTP when that is what it is; for all such ports,
    or for one that has a mode of its own."""
    if _refuses(mode, settings):
        return (_refusal(settings, destination_port),)
    end = _ChainEnd(
        http=_http_connection(
            stat_prefix=INBOUND_PASSTHROUGH_CLUSTER,
            routes=_route_config(
                INBOUND_PASSTHROUGH_CLUSTER,
                INBOUND_PASSTHROUGH_CLUSTER,
                service_port=0,
                filters=settings.shared.attached.routes,
            ),
            grpc_web=False,
            settings=settings,
        ),
        opaque=single_cluster_proxy(INBOUND_PASSTHROUGH_CLUSTER, settings.shared.access_log),
        http_name="virtualInbound-catchall-http",
        opaque_name="virtualInbound",
        destination_port=destination_port,
        any_transport=False,
    )
    matches = inbound_matches(mode, Protocol.AUTO, settings.shared.plain_http)
    if mode is MtlsMode.DISABLE and settings.mtls is not None and not destination_port:
        # The inspector looks for TLS at all ports but those that are named, though none is ended here. A chain for any
        # transport alone would not do: Envoy does not come back to it from the chains for plain text.
        matches = (*matches, OPAQUE_ANYTHING)
    return _plan_chains(end, matches, settings)


def _refuses(mode: MtlsMode, settings: InboundSettings) -> bool:
    """Whether nothing is let in: mutual TLS alone is admitted, and there is no certificate to end it with."""
    return mode is MtlsMode.STRICT and settings.mtls is None


def _refusal(settings: InboundSettings, destination_port: int) -> FilterChainPlan:
    """A chain that ends every connection. Without any, those to this port would fall to the chain for all others."""
    return plan_filter_chain(
        single_cluster_proxy(BLACK_HOLE_CLUSTER, settings.shared.access_log),
        ChainMatchPlan(destination_port=destination_port),
        name="strict-without-certificate",
    )


@frozen
class _ChainEnd:
    """Where the chains of a port end. With ``any_transport`` opaque connections are not asked whether they are TLS."""

    http: HttpConnectionPlan
    opaque: TcpProxyPlan
    http_name: str
    opaque_name: str
    destination_port: int
    any_transport: bool


def _plan_chains(
    end: _ChainEnd, matches: tuple[InboundMatch, ...], settings: InboundSettings
) -> tuple[FilterChainPlan, ...]:
    return tuple(_plan_chain(end, match, settings) for match in matches)


def _plan_chain(end: _ChainEnd, match: InboundMatch, settings: InboundSettings) -> FilterChainPlan:
    return plan_filter_chain(
        end.http if match.http else end.opaque,
        ChainMatchPlan(
            destination_port=end.destination_port,
            transport_protocol="" if end.any_transport and not match.alpn else match.transport,
            application_protocols=match.alpn,
        ),
        name=end.http_name if match.http else end.opaque_name,
        tls=MeshServerTls(mesh=settings.mtls) if match.terminates and settings.mtls is not None else None,
        attached=settings.shared.attached,
    )


def _http_connection(
    *, stat_prefix: str, routes: RouteConfigPlan, grpc_web: bool, settings: InboundSettings
) -> HttpConnectionPlan:
    return HttpConnectionPlan(
        stat_prefix=stat_prefix,
        route_config=routes,
        filters=plan_http_filters(grpc_web=grpc_web, attached=settings.shared.attached),
        reports_denials=settings.shared.attached.reports_denials,
        settings=settings.shared.http,
        server_name=SERVER_NAME,
        forward_client_cert=ForwardClientCertDetails.APPEND_FORWARD,
    )


def plan_inbound_routes(port: InboundPort, filters: tuple[RouteFilterPlan, ...] = ()) -> RouteConfigPlan:
    """Everything to the application. Time limits are the clients' affair, a gRPC call's own one included.

    ``filters`` are what is said to HTTP filters of all its requests.
    """
    cluster = inbound_cluster(port.listen_port)
    return _route_config(
        cluster,
        cluster,
        service_port=port.service_port,
        operation=f"{port.service_host}:{port.service_port}/*" if port.service_host else "",
        retry=None if port.protocol in (Protocol.GRPC, Protocol.GRPC_WEB) else _RESET_ONLY,
        origins=port.origins,
        filters=filters,
    )


def _route_config(
    name: str,
    cluster: str,
    *,
    service_port: int,
    operation: str = "",
    retry: RetryPlan | None = None,
    origins: tuple[ResourceKey, ...] = (),
    filters: tuple[RouteFilterPlan, ...] = (),
) -> RouteConfigPlan:
    route = RoutePlan(
        match=RouteMatchPlan(),
        action=ForwardPlan(
            clusters=(WeightedClusterPlan(cluster=cluster, weight=1),), retry=retry, max_stream_duration=True
        ),
        name="default",
        decorator=operation,
    )
    host = VirtualHostPlan(
        name=f"inbound|http|{service_port}",
        domains=("*",),
        routes=(route,),
        include_attempt_count=False,
        origins=origins,
    )
    return RouteConfigPlan(name=name, virtual_hosts=(host,), ignore_port=False, filters=filters)
