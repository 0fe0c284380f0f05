from datetime import timedelta
from typing import Any

from pilot.ir.http_filters import GrpcWebPlan
from pilot.ir.listener import ChainMatchPlan, TcpListenerPlan
from pilot.ir.listener_filters import HttpInspectorPlan, TlsInspectorPlan
from pilot.ir.network_filters import AccessLogPlan, HttpConnectionSettings, UpstreamAlpnPlan
from pilot.mesh.filters import plan_filter_chain
from pilot.mesh.listener_settings import ListenerSettings
from pilot.mesh.outbound.listener import (
    OutboundListener,
    OutboundSettings,
    plan_outbound_listener,
    plan_virtual_outbound,
)
from pilot.mesh.rules.tcp_routes import single_cluster_proxy
from tests.builders_traffic import all_chains, ends_of, http_of, tcp_of

SETTINGS = OutboundSettings(
    unknown_cluster="PassthroughCluster", shared=ListenerSettings(detection_timeout=timedelta(seconds=5))
)
TCP = plan_filter_chain(single_cluster_proxy("tcp", None))
TLS = plan_filter_chain(single_cluster_proxy("tls", None), ChainMatchPlan(server_names=("a.com",)))


def plan(settings: OutboundSettings = SETTINGS, **traits: Any) -> TcpListenerPlan:
    return plan_outbound_listener(OutboundListener(address="0.0.0.0", port=80, **traits), settings)


def test_redirected_http_is_sniffed_and_all_else_passes() -> None:
    listener = plan(route_name="80")
    assert (listener.name, listener.bind_to_port) == ("0.0.0.0_80", False)
    assert ends_of(listener) == ["route 80", "PassthroughCluster"]
    expected = ChainMatchPlan(transport_protocol="raw_buffer", application_protocols=("http/1.1", "h2c"))
    assert listener.chains[0].match == expected
    assert listener.default_chain is not None
    assert listener.default_chain.name == "PassthroughFilterChain"
    assert listener.listener_filters == (HttpInspectorPlan(),)
    assert listener.listener_filters_timeout == timedelta(seconds=5)
    assert listener.continue_on_listener_filters_timeout


def test_wildcard_listeners_of_a_dual_stack_proxy_have_both_families() -> None:
    both = OutboundSettings(unknown_cluster="PassthroughCluster", dual_stack=True)
    assert plan(both, route_name="80").dual_stack
    assert plan_virtual_outbound("0.0.0.0", 15001, False, both).dual_stack
    assert not plan_outbound_listener(OutboundListener(address="10.0.0.1", port=80), both).dual_stack
    assert not plan(route_name="80").dual_stack


def test_bound_http_needs_no_sniffing() -> None:
    listener = plan(route_name="80", bound=True)
    assert (listener.chains[0].match, listener.default_chain) == (ChainMatchPlan(), None)
    assert (listener.listener_filters, listener.bind_to_port) == ((), True)
    assert listener.listener_filters_timeout == timedelta(0)


def test_a_match_all_chain_alone_stays_an_ordinary_one() -> None:
    listener = plan(chains=(TCP,))
    assert (listener.chains, listener.default_chain, listener.listener_filters) == ((TCP,), None, ())


def test_beside_others_the_match_all_chain_becomes_the_default() -> None:
    both = plan(chains=(TCP, TLS))
    assert (both.chains, both.default_chain) == ((TLS,), TCP)
    assert both.listener_filters == (TlsInspectorPlan(),)
    assert ends_of(plan(route_name="80", chains=(TCP,))) == ["route 80", "tcp"]


def test_unknown_names_pass_or_are_blocked() -> None:
    assert ends_of(plan(chains=(TLS,))) == ["tls", "PassthroughCluster"]
    blocking = OutboundSettings(unknown_cluster="BlackHoleCluster")
    assert ends_of(plan(blocking, chains=(TLS,))) == ["tls", "BlackHoleCluster"]
    assert ends_of(plan(chains=(TLS,), bound=True)) == ["tls"]


def test_bound_http_beside_tcp_is_sniffed() -> None:
    listener = plan(route_name="80", chains=(TLS, TCP), bound=True)
    assert ends_of(listener) == ["route 80", "tls", "tcp"]
    assert listener.listener_filters == (TlsInspectorPlan(), HttpInspectorPlan())


def test_the_connection_manager() -> None:
    log = AccessLogPlan(path="/dev/stdout")
    shared = ListenerSettings(http=HttpConnectionSettings(access_log=log, accept_http_10=True))
    settings = OutboundSettings(unknown_cluster="PassthroughCluster", shared=shared)
    listener = plan(settings, route_name="80", grpc_web=True, absolute_urls=True)
    http = http_of(listener.chains[0])
    assert (http.stat_prefix, http.use_remote_address, http.server_name) == ("outbound_0.0.0.0_80", False, "")
    assert (http.allow_absolute_url, http.settings) == (True, shared.http)
    assert GrpcWebPlan() in http.filters
    assert "http/1.0" in listener.chains[0].match.application_protocols
    assert listener.default_chain is not None
    assert tcp_of(listener.default_chain).access_log == log


def test_a_socket_path_is_name_and_address() -> None:
    wanted = OutboundListener(address="unix:///run/out.sock", port=0, bound=True, route_name="unix:///run/out.sock")
    listener = plan_outbound_listener(wanted, SETTINGS)
    assert (listener.name, listener.address, listener.port) == ("unix:///run/out.sock", "unix:///run/out.sock", 0)


def test_virtual_outbound() -> None:
    listener = plan_virtual_outbound("0.0.0.0", 15001, True, SETTINGS)
    assert (listener.name, listener.port, listener.use_original_dst, listener.transparent) == (
        "virtualOutbound",
        15001,
        True,
        True,
    )
    assert [(chain.name, chain.match.destination_port) for chain in listener.chains] == [
        ("virtualOutbound-blackhole", 15001),
        ("virtualOutbound-catchall-tcp", 0),
    ]
    assert ends_of(listener) == ["BlackHoleCluster", "PassthroughCluster"]


def test_http_of_undeclared_ports_says_so_to_the_server_where_there_is_mutual_tls() -> None:
    mutual = OutboundSettings(unknown_cluster="PassthroughCluster", mutual_tls=True)
    http, *_ = plan(mutual, route_name="80", undeclared=True, chains=(TCP,)).chains
    assert http.filters[:-1] == (UpstreamAlpnPlan(("istio-http/1.1", "istio-h2", "istio")),)
    for settings, undeclared in ((mutual, False), (SETTINGS, True)):
        listener = plan(settings, route_name="80", undeclared=undeclared, chains=(TCP,))
        assert [len(chain.filters) for chain in all_chains(listener)] == [1, 1]
