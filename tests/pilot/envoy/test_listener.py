from __future__ import annotations

from datetime import timedelta
from typing import Any

from citadel.ir import KeyPairFiles, ServerTls
from pilot.envoy.listener import render_filter_chain, render_listener
from pilot.ir.listener import ChainMatchPlan, Direction, FilterChainPlan, TcpListenerPlan
from pilot.ir.listener_filters import HttpInspectorPlan, OriginalDstPlan, OriginalSrcPlan, TlsInspectorPlan
from pilot.ir.network_filters import HttpConnectionPlan, TcpProxyPlan, WeightedTcpCluster
from tests.rendered import as_json

BLACK_HOLE = TcpProxyPlan("BlackHoleCluster", (WeightedTcpCluster("BlackHoleCluster", 1),))
CHAIN = FilterChainPlan((BLACK_HOLE,))


def rendered(*chains: FilterChainPlan, **traits: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"name": "0.0.0.0_80", "address": "0.0.0.0", "port": 80, **traits}
    return as_json(render_listener(TcpListenerPlan(chains=chains or (CHAIN,), **values)))


def test_a_bound_listener() -> None:
    listener = rendered()
    assert listener["address"] == {"socketAddress": {"address": "0.0.0.0", "portValue": 80}}
    assert listener["trafficDirection"] == "OUTBOUND"
    assert len(listener["filterChains"]) == 1
    assert not {"bindToPort", "useOriginalDst", "transparent", "listenerFilters"} & set(listener)


def test_a_virtual_listener() -> None:
    listener = rendered(
        direction=Direction.INBOUND,
        bind_to_port=False,
        use_original_dst=True,
        transparent=True,
        listener_filters_timeout=timedelta(0),
        continue_on_listener_filters_timeout=True,
    )
    assert listener["bindToPort"] is False
    assert listener["useOriginalDst"] is True
    assert listener["transparent"] is True
    assert listener["listenerFiltersTimeout"] == "0s"
    assert listener["continueOnListenerFiltersTimeout"] is True
    assert listener["trafficDirection"] == "INBOUND"


def test_a_dual_stack_listener_has_the_same_port_of_ipv6() -> None:
    (additional,) = rendered(dual_stack=True)["additionalAddresses"]
    assert additional == {"address": {"socketAddress": {"address": "::", "portValue": 80}}}
    assert "additionalAddresses" not in rendered()


def test_a_unix_socket() -> None:
    assert rendered(address="unix:///run/a.sock", port=0)["address"] == {"pipe": {"path": "/run/a.sock"}}


def test_listener_filters_keep_their_order() -> None:
    kinds = (OriginalDstPlan(), OriginalSrcPlan(), TlsInspectorPlan())
    found = rendered(listener_filters=kinds)["listenerFilters"]
    assert [each["name"] for each in found] == [
        "envoy.filters.listener.original_dst",
        "envoy.filters.listener.original_src",
        "envoy.filters.listener.tls_inspector",
    ]
    assert found[1]["typedConfig"]["mark"] == 1337


def test_inspectors_stay_off_on_excluded_ports() -> None:
    inspectors = (TlsInspectorPlan((3306,)), HttpInspectorPlan((6379, 3306, 3306)))
    tls, http = rendered(listener_filters=inspectors)["listenerFilters"]
    mysql, redis = (
        {"destinationPortRange": {"start": 3306, "end": 3307}},
        {"destinationPortRange": {"start": 6379, "end": 6380}},
    )
    assert tls["filterDisabled"] == mysql
    assert http["filterDisabled"] == {"orMatch": {"rules": [mysql, redis]}}


def test_what_a_chain_takes() -> None:
    match = ChainMatchPlan(
        destination_port=443,
        server_names=("a.example.com", "*.example.org"),
        transport_protocol="tls",
        application_protocols=("h2",),
        prefix_ranges=("10.1.2.3/8", "10.1.2.3", "fd00::1"),
    )
    assert as_json(render_filter_chain(FilterChainPlan((BLACK_HOLE,), match)))["filterChainMatch"] == {
        "destinationPort": 443,
        "serverNames": ["*.example.org", "a.example.com"],
        "transportProtocol": "tls",
        "applicationProtocols": ["h2"],
        "prefixRanges": [
            {"addressPrefix": "10.0.0.0", "prefixLen": 8},
            {"addressPrefix": "10.1.2.3", "prefixLen": 32},
            {"addressPrefix": "fd00::1", "prefixLen": 128},
        ],
    }


def test_a_chain_for_everything() -> None:
    assert "filterChainMatch" not in as_json(render_filter_chain(CHAIN))


def test_the_default_chain() -> None:
    listener = rendered(default_chain=FilterChainPlan((BLACK_HOLE,), name="PassthroughFilterChain"))
    assert listener["defaultFilterChain"]["name"] == "PassthroughFilterChain"


def test_a_chain_that_terminates_tls() -> None:
    tls = ServerTls(certificates=(KeyPairFiles("/a.crt", "/a.key"),))
    plan = FilterChainPlan(
        (HttpConnectionPlan("https", route_name="https.443"),),
        name="https",
        tls=tls,
        transport_connect_timeout=timedelta(seconds=15),
    )
    chain = as_json(render_filter_chain(plan))
    assert chain["transportSocket"]["name"] == "envoy.transport_sockets.tls"
    assert chain["transportSocketConnectTimeout"] == "15s"
    assert chain["filters"][0]["name"] == "envoy.filters.network.http_connection_manager"
