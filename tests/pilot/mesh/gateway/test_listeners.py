from dataclasses import replace
from datetime import timedelta
from typing import Any

from citadel.ir import ServerTls
from galley.frozen import FrozenMap
from galley.kinds.mesh_config import ForwardClientCertDetails, MeshConfig, ProxyConfig, Topology
from galley.kinds.networking.gateway import ServerTlsMode
from galley.kinds.networking.virtual_service import VirtualService
from galley.meta import Resource
from pilot.ir.listener import ChainMatchPlan, Direction, TcpListenerPlan
from pilot.ir.listener_filters import TlsInspectorPlan
from pilot.ir.network_filters import AccessLogPlan
from tests.builders import a_context, a_gateway, a_gateway_scope, a_manifest, a_virtual_service
from tests.builders_traffic import a_listener_scope, a_server, a_tcp_route, a_tls_route, ends_of, http_of, listeners

SIMPLE, PASSTHROUGH = ServerTlsMode.SIMPLE, ServerTlsMode.PASSTHROUGH


def found(*resources: Resource[Any], mesh: MeshConfig | None = None, **traits: Any) -> dict[str, TcpListenerPlan]:
    return listeners(a_context(*resources, mesh=mesh), a_listener_scope(a_gateway_scope(**traits)))


def opaque(*hosts: str, name: str = "vs", **routes: Any) -> Resource[VirtualService]:
    return a_virtual_service(*hosts, routes=(), gateways=("bookinfo-gateway",), name=name, **routes)


def test_bookinfo() -> None:
    listener = found(a_gateway())["0.0.0.0_8080"]
    assert (listener.bind_to_port, listener.direction) == (True, Direction.OUTBOUND)
    assert (listener.listener_filters, listener.listener_filters_timeout) == ((), None)
    assert ends_of(listener) == ["route http.8080"]
    (chain,) = listener.chains
    http = http_of(chain)
    assert (http.stat_prefix, http.server_name, http.use_remote_address) == (
        "outbound_0.0.0.0_8080",
        "istio-envoy",
        True,
    )
    assert http.forward_client_cert is ForwardClientCertDetails.SANITIZE_SET
    assert (chain.match, chain.tls) == (ChainMatchPlan(), None)
    assert chain.transport_connect_timeout == timedelta(seconds=15)


def test_the_topology_in_front_of_the_gateway() -> None:
    topology = Topology(num_trusted_proxies=2, forward_client_cert_details=ForwardClientCertDetails.FORWARD_ONLY)
    mesh = MeshConfig(default_config=ProxyConfig(gateway_topology=topology), access_log_file="/dev/stdout")
    http = http_of(found(a_gateway(), mesh=mesh)["0.0.0.0_8080"].chains[0])
    assert (http.xff_num_trusted_hops, http.forward_client_cert) == (2, ForwardClientCertDetails.FORWARD_ONLY)
    assert http.settings.access_log == AccessLogPlan(path="/dev/stdout")


def test_ports_are_translated() -> None:
    listener = found(a_gateway(port=80), own_target_ports=FrozenMap({80: 8080}))["0.0.0.0_8080"]
    assert ends_of(listener) == ["route http.8080"]


def test_https_servers_are_chosen_by_sni() -> None:
    servers = (a_server("ns/B.com", "a.com", tls=SIMPLE, name="one"), a_server("*", tls=SIMPLE, name="two"))
    named = replace(a_server("c.com", port=8443, tls=ServerTlsMode.MUTUAL), name="shop")
    listener = found(a_gateway(servers=(*servers, named)))["0.0.0.0_443"]
    assert [chain.match.server_names for chain in listener.chains] == [("a.com", "b.com"), ()]
    assert listener.listener_filters == (TlsInspectorPlan(),)
    assert all(chain.tls is not None for chain in listener.chains)
    assert [chain.terminal.stat_prefix for chain in listener.chains] == ["outbound_0.0.0.0_443"] * 2
    shop = found(a_gateway(servers=(named,)))["0.0.0.0_8443"].chains[0]
    assert isinstance(shop.tls, ServerTls)
    assert (shop.terminal.stat_prefix, shop.tls.require_client_certificate) == ("shop", True)


def test_names_that_overlap_after_their_namespaces_are_told_apart() -> None:
    servers = (a_server("ns/a.com", tls=SIMPLE, name="one"), a_server("a.com", "b.com", tls=SIMPLE, name="two"))
    listener = found(a_gateway(servers=servers))["0.0.0.0_443"]
    assert [chain.match.server_names for chain in listener.chains] == [("a.com",), ("b.com",)]


def test_passthrough_by_sni() -> None:
    gateway = a_gateway(servers=(a_server("nginx.example.com", tls=PASSTHROUGH),))
    rule = opaque("nginx.example.com", tls=(a_tls_route("my-nginx", "nginx.example.com", port=443),))
    listener = found(gateway, rule)["0.0.0.0_443"]
    (chain,) = listener.chains
    assert (chain.match.server_names, chain.tls) == (("nginx.example.com",), None)
    assert ends_of(listener) == ["outbound|443||my-nginx.default.svc.cluster.local"]
    assert listener.listener_filters == (TlsInspectorPlan(),)


def test_passthrough_matches_by_port_and_gateway_and_keeps_the_first_of_a_name() -> None:
    gateway = a_gateway(servers=(a_server("*.example.com", tls=PASSTHROUGH),))
    routes = (
        a_tls_route("x", "x.example.com", port=1, source_namespace="ignored-here"),
        a_tls_route("again", "x.example.com", port=1),
        a_tls_route("y", "y.example.com", gateways=("other",)),
        a_tls_route("z", "z.example.com", gateways=("bookinfo-gateway",)),
    )
    strangers = opaque("other.org", tls=(a_tls_route("o", "other.org"),), name="strangers")
    listener = found(gateway, opaque("*.example.com", tls=routes), strangers)["0.0.0.0_443"]
    names = [chain.match.server_names for chain in listener.chains]
    assert names == [("x.example.com",), ("z.example.com",)]


def test_a_tcp_server_has_the_first_route_that_applies() -> None:
    gateway = a_gateway(servers=(a_server(port=3306, protocol="TCP", name="tcp"),))
    elsewhere = opaque("*", tcp=(a_tcp_route("a", gateways=("another",)),), name="a")
    here = opaque("*", tcp=(a_tcp_route("b"),), name="b")
    later = opaque("*", tcp=(a_tcp_route("c"),), name="c")
    listener = found(gateway, elsewhere, here, later)["0.0.0.0_3306"]
    assert ends_of(listener) == ["outbound|3306||b.default.svc.cluster.local"]


def test_the_only_port_of_a_tcp_service_counts() -> None:
    gateway = a_gateway(servers=(a_server(port=3306, protocol="TCP", name="tcp"),))
    service = a_manifest("a", port=3307, port_name="tcp")
    listener = found(gateway, opaque("*", tcp=(a_tcp_route("a"),)), service)["0.0.0.0_3306"]
    assert ends_of(listener) == ["outbound|3307||a.default.svc.cluster.local"]


def test_tls_that_is_terminated_for_tcp() -> None:
    gateway = a_gateway(servers=(a_server("db.com", protocol="TLS", tls=SIMPLE),))
    rule = opaque("db.com", tcp=(a_tcp_route("db"),))
    (chain,) = found(gateway, rule)["0.0.0.0_443"].chains
    assert chain.match.server_names == ("db.com",)
    assert chain.tls is not None


def test_a_port_without_any_chain_is_not_opened() -> None:
    tcp = a_gateway(servers=(a_server(port=3306, protocol="TCP", name="tcp"),))
    assert found(tcp) == {}
    assert found(a_gateway(servers=(a_server(tls=PASSTHROUGH),))) == {}
    assert found(a_gateway(servers=(a_server(tls=ServerTlsMode.ISTIO_MUTUAL),))) == {}


def test_binds_and_ipv6() -> None:
    bound = a_gateway(servers=(a_server(port=80, protocol="HTTP", name="http", bind="10.0.0.1"),))
    listener = found(bound)["10.0.0.1_80"]
    assert ends_of(listener) == ["route http.80.10.0.0.1"]
    assert list(found(a_gateway(), ipv6=True)) == ["::_8080"]
