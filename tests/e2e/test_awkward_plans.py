"""Plans of awkward configurations, rendered and given to a real Envoy: one refused chain would cost a whole port."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest

from galley.frozen import FrozenMap
from galley.kinds.http import (
    Abort,
    CorsPolicy,
    Delay,
    HeaderOperations,
    Headers,
    HttpBody,
    HttpDirectResponse,
    HttpFaultInjection,
    HttpRedirect,
    HttpRetry,
    HttpRewrite,
    RegexRewrite,
)
from galley.kinds.mesh_config import MeshConfig
from galley.kinds.networking.gateway import ServerTlsMode, ServerTlsSettings
from galley.kinds.networking.service_entry import Resolution, ServicePort
from galley.kinds.networking.virtual_service import HttpRoute
from galley.kinds.values import Percent, StringMatch
from pilot.envoy.encoded import RenderCache
from pilot.ir.cluster import ClusterPlan
from pilot.ir.listener import TcpListenerPlan
from pilot.ir.route import RouteConfigPlan
from pilot.memo import Memo
from pilot.mesh.context.push_context import PushContext
from pilot.mesh.context.scope import InboundPort, InboundScope, OutboundScope
from pilot.mesh.gateway.listeners import plan_gateway_listeners
from pilot.mesh.gateway.routes import plan_gateway_routes
from pilot.mesh.inbound.clusters import plan_inbound_clusters
from pilot.mesh.inbound.listeners import plan_inbound_listeners
from pilot.mesh.outbound.listeners import plan_outbound_listeners
from pilot.mesh.outbound.routes import plan_routes
from pilot.node.metadata import Interception
from tests.builders import (
    a_context,
    a_gateway,
    a_gateway_scope,
    a_manifest,
    a_route,
    a_scope,
    a_service_entry,
    a_sidecar,
    a_virtual_service,
    a_workload_entry,
    attached,
    opening,
)
from tests.builders_traffic import (
    a_destination,
    a_listener_scope,
    a_match,
    a_server,
    a_tcp_route,
    a_tls_route,
    an_egress,
    exact,
    prefix,
    regex,
)
from tests.certificates import write_key_pair
from tests.envoy_validate import validate_resources

pytestmark = pytest.mark.e2e

ALL = Percent(value=100)
MESH = MeshConfig(access_log_file="/dev/stdout", proxy_http_port=3128)


def accept(plans: Iterable[ClusterPlan | TcpListenerPlan | RouteConfigPlan]) -> None:
    cache = RenderCache()
    encoders = {ClusterPlan: cache.cluster, TcpListenerPlan: cache.listener, RouteConfigPlan: cache.route_config}
    validate_resources([encoders[type(plan)](plan) for plan in plans])  # type: ignore[operator]


def accept_sidecar(context: PushContext, scope: OutboundScope) -> None:
    memo, listeners = Memo(), a_listener_scope(scope, bind_address="127.0.0.2", http_proxy_port=3128)
    accept([*plan_routes(context, scope, memo), *plan_outbound_listeners(context, listeners, memo)])


RULES = (
    HttpRoute(
        match=(
            a_match(uri=StringMatch(), headers={"a": prefix(""), "b": regex("*"), "c": StringMatch()}),
            a_match(uri=regex("/x/.*"), without_headers={"d": exact("1"), "e": StringMatch()}),
            a_match(uri=exact("/y"), ignore_uri_case=True, query_params={"q": StringMatch(), "r": regex("[0-9]+")}),
            a_match(method=regex("GET|POST"), scheme=exact("http"), authority=prefix("a."), stat_prefix="s"),
        ),
        route=a_route(weights={"v1": 1, "v2": 0, "v3": 2}).route,
        rewrite=HttpRewrite(uri_regex_rewrite=RegexRewrite(match="^/(.*)$", rewrite="/\\1")),
        fault=HttpFaultInjection(
            delay=Delay(fixed_delay=timedelta(seconds=7), percentage=Percent(value=0.001)),
            abort=Abort(grpc_status="UNAVAILABLE", percentage=ALL),
        ),
        retries=HttpRetry(attempts=3, retry_on="5xx,503", retry_remote_localities=True),
        mirror=a_destination(subset="v2"),
        timeout=timedelta(milliseconds=500),
        cors_policy=CorsPolicy(allow_origins=(prefix("https://"),), allow_methods=("GET",), allow_credentials=True),
        headers=Headers(request=HeaderOperations(set=FrozenMap({"Host": "b.com", "x": "100%"}), remove=("y",))),
    ),
    HttpRoute(match=(a_match(uri=exact("/old")),), redirect=HttpRedirect(uri="", authority="c.com", port=8443)),
    HttpRoute(
        match=(a_match(uri=prefix("/mock")),),
        direct_response=HttpDirectResponse(status=200, body=HttpBody(string="x" * 10_000)),
    ),
    a_route(match=(a_match(uri=prefix("/none")),), weights={"v1": 0, "v2": 0}),
    a_route(),
)

SERVICES = (
    a_manifest("reviews", cluster_ip="10.1.0.1"),
    a_manifest("grpc", port=9080, port_name="grpc-web"),
    a_manifest("sniffed", port=9080, port_name="custom"),
    a_manifest("sniffed-too", port=9080, port_name="custom", cluster_ip="10.1.0.2"),
    a_manifest("tcp", port=9080, port_name="tcp"),
    a_manifest("mongo", port=9080, port_name="mongo"),
    a_manifest("headless", port=9080, port_name="custom", cluster_ip="None"),
    a_workload_entry("headless-0", "10.2.0.1", app="headless"),
    a_service_entry("reviews", port=9080, name="same-as-a-short-name"),
    a_service_entry("*.wikipedia.org", port=443, protocol="TLS", resolution=Resolution.NONE, endpoints=(), name="w"),
    a_service_entry("en.wikipedia.org", port=443, protocol="HTTPS", name="en"),
    a_service_entry(
        "ranges.com",
        ports=(
            ServicePort(number=443, name="tls", protocol="TLS"),
            ServicePort(number=9080, name="tcp", protocol="TCP"),
        ),
        resolution=Resolution.NONE,
        endpoints=(),
    ),
    a_virtual_service("reviews", routes=RULES),
    a_virtual_service("*.default.svc.cluster.local", name="wide", routes=(a_route("tcp"),)),
    a_virtual_service("unknown.prod", "*.unknown.org", routes=(a_route("reviews"),)),
    a_virtual_service(
        "*.wikipedia.org",
        name="wikipedia",
        routes=(),
        tls=(
            a_tls_route("en.wikipedia.org", "en.wikipedia.org", "de.wikipedia.org"),
            a_tls_route("other", "de.wikipedia.org", "fr.wikipedia.org"),
            a_tls_route("other", "de.wikipedia.org", destination_subnets=("10.0.0.0/8",)),
        ),
    ),
    a_virtual_service(
        "tcp",
        routes=(),
        tcp=(
            a_tcp_route("tcp", destination_subnets=("10.0.0.0/8", "10.0.0.1/8")),
            a_tcp_route("tcp", weights={"a": 1, "b": 9}),
        ),
    ),
)


@pytest.mark.parametrize("interception", list(Interception))
@pytest.mark.parametrize("ipv6", [False, True])
def test_sidecars(interception: Interception, ipv6: bool) -> None:
    accept_sidecar(a_context(*SERVICES, mesh=MESH), a_scope(interception=interception, ipv6=ipv6, http_proxy=True))


def test_declared_egress_listeners() -> None:
    sidecar = a_sidecar(
        egress=(
            an_egress("*/*", port=9080),
            an_egress("*/*", port=15080, protocol="HTTP_PROXY", bind="127.0.0.3"),
            an_egress("*/*", port=443, protocol="TLS"),
            an_egress("*/*", bind="unix:///tmp/egress.sock"),
            an_egress("*/*"),
        )
    )
    accept_sidecar(a_context(*SERVICES, sidecar, mesh=MESH), a_scope(attached=attached(sidecar.key)))


@pytest.mark.parametrize("interception", list(Interception))
def test_inbound(interception: Interception) -> None:
    ports = tuple(
        InboundPort(
            protocol=protocol,
            service_host="reviews.default.svc.cluster.local",
            service_port=number,
            listen_port=number,
            bound=interception is Interception.NONE or number == 84,
            listen_address="127.0.0.2",
            app_address="unix:///tmp/app.sock" if number == 83 else "",
        )
        for number, protocol in enumerate(("HTTP", "GRPC-Web", "TCP", "AUTO", "HTTP"), start=80)
    )
    scope = InboundScope(namespace="default", interception=interception, ports=ports)
    context = a_context(mesh=MESH)
    accept([*plan_inbound_listeners(context, scope, Memo()), *plan_inbound_clusters(context, scope, Memo())])


def test_gateways(tmp_path: Path) -> None:
    certificate, key = write_key_pair(tmp_path, "shop")

    def tls(mode: ServerTlsMode) -> ServerTlsSettings:
        files = {"server_certificate": str(certificate), "private_key": str(key), "ca_certificates": str(certificate)}
        return ServerTlsSettings(mode=mode, subject_alt_names=("client",), **files)  # type: ignore[arg-type]

    servers = (
        a_server("*", port=80, protocol="HTTP", name="http", tls=ServerTlsSettings(https_redirect=True)),
        a_server("*.a.com", "ns/b.com", tls=tls(ServerTlsMode.SIMPLE), name="simple"),
        a_server("b.com", "c.com", tls=tls(ServerTlsMode.MUTUAL), name="mutual"),
        a_server("d.com", "*", tls=tls(ServerTlsMode.OPTIONAL_MUTUAL), name="optional"),
        a_server("./*", protocol="TLS", tls=tls(ServerTlsMode.SIMPLE), name="opaque"),
        a_server("e.com", protocol="TLS", tls=ServerTlsMode.PASSTHROUGH, name="passthrough"),
        a_server("*", port=443, protocol="HTTP", name="http-after-https"),
        a_server("*", port=3306, protocol="MYSQL", name="mysql"),
    )
    bound = ("bookinfo-gateway",)
    rules = (
        a_virtual_service("x.a.com", "*.com", routes=RULES, gateways=bound, name="first"),
        a_virtual_service("X.a.com", "d.com", routes=RULES, gateways=bound, name="second"),
        a_virtual_service("*", routes=(), gateways=bound, name="edge-tcp", tcp=(a_tcp_route("db"),)),
        a_virtual_service(
            "e.com", routes=(), gateways=bound, tls=(a_tls_route("e", "e.com"), a_tls_route("f", "e.com", "c.com"))
        ),
    )
    context = a_context(a_gateway(servers=servers), *rules, *SERVICES, mesh=MESH)
    scope = opening(context, a_gateway_scope())
    listeners = plan_gateway_listeners(context, a_listener_scope(scope), Memo())
    assert [listener.name for listener in listeners] == ["0.0.0.0_3306", "0.0.0.0_443", "0.0.0.0_80"]
    assert len(listeners[1].chains) == 4
    accept([*listeners, *plan_gateway_routes(context, scope, Memo())])
