"""Messages of the shapes that the control plane sends, with wrappers, oneofs, maps and nested Any in them."""

from __future__ import annotations

import datetime
from typing import Any

from envoy_data_plane.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    Cluster,
    ClusterCommonLbConfig,
    ClusterDiscoveryType,
    ClusterEdsClusterConfig,
    ClusterLbPolicy,
    OutlierDetection,
)
from envoy_data_plane.envoy.config.core.v3 import (
    Address,
    AggregatedConfigSource,
    ApiVersion,
    ConfigSource,
    Locality,
    Metadata,
    SocketAddress,
    TransportSocket,
)
from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy_data_plane.envoy.config.listener.v3 import Filter, FilterChain, FilterChainMatch, Listener
from envoy_data_plane.envoy.config.rbac.v3 import Permission, Policy, Principal
from envoy_data_plane.envoy.config.rbac.v3 import Rbac as RbacRules
from envoy_data_plane.envoy.config.route.v3 import (
    HeaderMatcher,
    RetryPolicy,
    Route,
    RouteAction,
    RouteConfiguration,
    RouteMatch,
    VirtualHost,
)
from envoy_data_plane.envoy.extensions.filters.http.fault.v3 import HttpFault
from envoy_data_plane.envoy.extensions.filters.http.rbac.v3 import Rbac
from envoy_data_plane.envoy.extensions.filters.http.router.v3 import Router
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpFilter,
    Rds,
)
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CommonTlsContext,
    SdsSecretConfig,
    UpstreamTlsContext,
)
from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryResponse, DiscoveryResponse, Resource
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher
from envoy_data_plane.envoy.type.v3 import FractionalPercent, Percent

from envoycodec.construct import maker
from envoycodec.encode import pack
from envoycodec.wellknown import struct


def _ads() -> ConfigSource:
    return maker(ConfigSource)(ads=maker(AggregatedConfigSource)(), resource_api_version=ApiVersion.V3)


def cluster() -> Cluster:
    secret = maker(SdsSecretConfig)(name="default", sds_config=_ads())
    common = maker(CommonTlsContext)(alpn_protocols=["h2"], tls_certificate_sds_secret_configs=[secret])
    tls = maker(UpstreamTlsContext)(sni="cart.shop.example", common_tls_context=common)
    thresholds = maker(CircuitBreakersThresholds)(max_connections=2**32 - 1, max_retries=0, track_remaining=True)
    return maker(Cluster)(
        name="outbound|80||cart.shop.example",
        type=ClusterDiscoveryType.EDS,
        eds_cluster_config=maker(ClusterEdsClusterConfig)(eds_config=_ads(), service_name="cart"),
        connect_timeout=datetime.timedelta(seconds=10, microseconds=1),
        lb_policy=ClusterLbPolicy.LEAST_REQUEST,
        circuit_breakers=maker(CircuitBreakers)(thresholds=[thresholds]),
        outlier_detection=maker(OutlierDetection)(consecutive_5xx=5, enforcing_success_rate=0),
        common_lb_config=maker(ClusterCommonLbConfig)(healthy_panic_threshold=maker(Percent)()),
        metadata=maker(Metadata)(filter_metadata={"b": struct({"x": 1, "y": [None, True]}), "a": struct({})}),
        transport_socket=maker(TransportSocket)(name="envoy.transport_sockets.tls", typed_config=pack(tls)),
    )


def assignment() -> ClusterLoadAssignment:
    def endpoint(number: int) -> LbEndpoint:
        address = maker(SocketAddress)(address=f"10.0.0.{number}", port_value=8000 + number)
        return maker(LbEndpoint)(
            endpoint=maker(Endpoint)(address=maker(Address)(socket_address=address)), load_balancing_weight=number
        )

    localities = [
        maker(LocalityLbEndpoints)(
            locality=maker(Locality)(region="r", zone=zone),
            lb_endpoints=[endpoint(number) for number in range(5)],
            priority=priority,
        )
        for priority, zone in enumerate(("a", "b"))
    ]
    return maker(ClusterLoadAssignment)(cluster_name="c", endpoints=localities)


def routes() -> RouteConfiguration:
    retry = maker(RetryPolicy)(retry_on="5xx", num_retries=0, retriable_status_codes=[503, 429])
    action = maker(RouteAction)(cluster="c", timeout=datetime.timedelta(), retry_policy=retry)
    exact = maker(HeaderMatcher)(name=":method", string_match=maker(StringMatcher)(exact="GET"))
    match = maker(RouteMatch)(prefix="/", headers=[exact], case_sensitive=False)
    fault = pack(maker(HttpFault)(max_active_faults=3))
    route = maker(Route)(name="default", match=match, route=action, typed_per_filter_config={"fault": fault})
    host = maker(VirtualHost)(name="cart:80", domains=["cart", "cart:80"], routes=[route])
    return maker(RouteConfiguration)(name="80", virtual_hosts=[host], validate_clusters=False)


def listener() -> Listener:
    anyone = maker(Policy)(permissions=[maker(Permission)(any=True)], principals=[maker(Principal)(any=True)])
    rules = maker(RbacRules)(policies={"z": anyone, "a": anyone})
    connections = maker(HttpConnectionManager)(
        stat_prefix="inbound",
        rds=maker(Rds)(config_source=_ads(), route_config_name="80"),
        http_filters=[
            maker(HttpFilter)(name="rbac", typed_config=pack(maker(Rbac)(rules=rules))),
            maker(HttpFilter)(name="router", typed_config=pack(maker(Router)())),
        ],
        stream_idle_timeout=datetime.timedelta(),
    )
    chain = maker(FilterChain)(
        filters=[maker(Filter)(name="http", typed_config=pack(connections))],
        filter_chain_match=maker(FilterChainMatch)(destination_port=80, application_protocols=["h2c", "http/1.1"]),
    )
    address = maker(Address)(socket_address=maker(SocketAddress)(address="::", port_value=0))
    return maker(Listener)(name="l", address=address, filter_chains=[chain], bind_to_port=False)


def responses() -> list[Any]:
    resources = [cluster(), assignment()]
    return [
        maker(DiscoveryResponse)(version_info="1", nonce="n", resources=[pack(each) for each in resources]),
        maker(DeltaDiscoveryResponse)(
            resources=[maker(Resource)(name="c", version="1", resource=pack(each)) for each in resources],
            removed_resources=["gone"],
        ),
    ]


def examples() -> list[Any]:
    return [cluster(), assignment(), routes(), listener(), maker(FractionalPercent)(numerator=5), *responses()]
