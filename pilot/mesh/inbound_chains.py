"""What stands behind one port of a workload: its filter chains and its routes."""

from __future__ import annotations

from datetime import timedelta

from galley.kinds.mesh_config import ForwardClientCertDetails, NormalizationType
from galley.meta import ResourceKey, frozen
from pilot.ir.listener import AccessLogPlan, ChainMatchPlan, FilterChainPlan, HttpConnectionPlan
from pilot.ir.route import (
    ForwardPlan,
    RetryPlan,
    RouteConfigPlan,
    RouteMatchPlan,
    RoutePlan,
    VirtualHostPlan,
    WeightedClusterPlan,
)
from pilot.mesh.naming import INBOUND_PASSTHROUGH_CLUSTER, inbound_cluster, listener_name
from pilot.mesh.outbound_listener import plain_http_match
from pilot.mesh.scope import InboundPort
from pilot.mesh.tcp_routes import CONNECT_TIMEOUT, single_cluster_proxy
from pilot.registry.catalog import Protocol

SERVER_NAME = "istio-envoy"
PLAIN_TEXT = "raw_buffer"
_RESET_ONLY = RetryPlan(num_retries=2, retry_on="reset-before-request", previous_hosts=False)
"""The application closed an idle connection just as it was used again: harmless to try once more (Istio)."""


@frozen
class InboundSettings:
    """What all inbound listeners of a scope share. ``wildcard`` is the address that stands for any."""

    wildcard: str
    listen_port: int
    transparent: bool = False
    dual_stack: bool = False
    access_log: AccessLogPlan | None = None
    detection_timeout: timedelta = timedelta(0)
    normalization: NormalizationType = NormalizationType.DEFAULT
    accept_http_10: bool = False


def plan_port_chains(port: InboundPort, settings: InboundSettings) -> tuple[FilterChainPlan, ...]:
    """The chains of one port. All are plain text: what clients must prove will be decided by Citadel's mode here."""
    protocol = Protocol(port.protocol)
    captured = not port.bound  # several ports share virtualInbound and are told apart by where the connection went
    destination_port = port.listen_port if captured else 0
    name = listener_name(settings.wildcard, port.listen_port) if captured else ""
    if not protocol.is_http and protocol is not Protocol.AUTO:
        return (_tcp_chain(name, inbound_cluster(port.listen_port), destination_port, settings, captured=captured),)
    connection = _http_connection(
        stat_prefix=f"inbound_{listener_name(port.listen_address or settings.wildcard, port.listen_port)}",
        routes=plan_inbound_routes(port),
        grpc_web=protocol is Protocol.GRPC_WEB,
        settings=settings,
    )
    if protocol is not Protocol.AUTO:
        match = ChainMatchPlan(destination_port=destination_port, transport_protocol=PLAIN_TEXT if captured else "")
        return (_chain(name, connection, match),)
    sniffed = plain_http_match(accept_http_10=settings.accept_http_10)
    match = ChainMatchPlan(
        destination_port=destination_port,
        transport_protocol=sniffed.transport_protocol,
        application_protocols=sniffed.application_protocols,
    )
    opaque = _tcp_chain(name, inbound_cluster(port.listen_port), destination_port, settings, captured=captured)
    return _chain(name, connection, match), opaque


def plan_passthrough_chains(settings: InboundSettings) -> tuple[FilterChainPlan, ...]:
    """What no service is known for goes on to where it was going, as HTTP when that is what it is."""
    connection = _http_connection(
        stat_prefix=INBOUND_PASSTHROUGH_CLUSTER,
        routes=_route_config(INBOUND_PASSTHROUGH_CLUSTER, INBOUND_PASSTHROUGH_CLUSTER, service_port=0),
        grpc_web=False,
        settings=settings,
    )
    http_match = plain_http_match(accept_http_10=settings.accept_http_10)
    return (
        _chain("virtualInbound-catchall-http", connection, http_match),
        _tcp_chain("virtualInbound", INBOUND_PASSTHROUGH_CLUSTER, 0, settings, captured=True),
    )


def _chain(name: str, connection: HttpConnectionPlan, match: ChainMatchPlan) -> FilterChainPlan:
    return FilterChainPlan(terminal=connection, match=match, name=name, transport_connect_timeout=CONNECT_TIMEOUT)


def _tcp_chain(
    name: str, cluster: str, destination_port: int, settings: InboundSettings, *, captured: bool
) -> FilterChainPlan:
    return FilterChainPlan(
        terminal=single_cluster_proxy(cluster, settings.access_log),
        match=ChainMatchPlan(destination_port=destination_port, transport_protocol=PLAIN_TEXT if captured else ""),
        name=name,
        transport_connect_timeout=CONNECT_TIMEOUT,
    )


def _http_connection(
    *, stat_prefix: str, routes: RouteConfigPlan, grpc_web: bool, settings: InboundSettings
) -> HttpConnectionPlan:
    return HttpConnectionPlan(
        stat_prefix=stat_prefix,
        route_config=routes,
        server_name=SERVER_NAME,
        forward_client_cert=ForwardClientCertDetails.APPEND_FORWARD,
        accept_http_10=settings.accept_http_10,
        grpc_web=grpc_web,
        normalization=settings.normalization,
        access_log=settings.access_log,
    )


def plan_inbound_routes(port: InboundPort) -> RouteConfigPlan:
    """Everything to the application. Time limits are the clients' affair, a gRPC call's own one included."""
    cluster = inbound_cluster(port.listen_port)
    return _route_config(
        cluster,
        cluster,
        service_port=port.service_port,
        operation=f"{port.service_host}:{port.service_port}/*" if port.service_host else "",
        retry=None if port.protocol in (Protocol.GRPC, Protocol.GRPC_WEB) else _RESET_ONLY,
        origins=port.origins,
    )


def _route_config(
    name: str,
    cluster: str,
    *,
    service_port: int,
    operation: str = "",
    retry: RetryPlan | None = None,
    origins: tuple[ResourceKey, ...] = (),
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
    return RouteConfigPlan(name=name, virtual_hosts=(host,), ignore_port=False)
