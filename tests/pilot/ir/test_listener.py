from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot.ir.listener import ChainMatchPlan, FilterChainPlan, TcpListenerPlan
from pilot.ir.network_filters import NetworkFilterPlan, TcpProxyPlan, UpstreamAlpnPlan, WeightedTcpCluster

PROXY = TcpProxyPlan("a", (WeightedTcpCluster("a", 1),))
ALPN = UpstreamAlpnPlan(("h2",))


@pytest.mark.parametrize("filters", [(), (ALPN,), (PROXY, ALPN), (PROXY, PROXY)])
def test_the_last_filter_ends_a_chain_and_no_other(filters: tuple[NetworkFilterPlan, ...]) -> None:
    with pytest.raises(ValueError, match="ends it"):
        FilterChainPlan(filters)
    assert FilterChainPlan((ALPN, PROXY)).terminal is PROXY


def matches(*wanted: ChainMatchPlan) -> tuple[ChainMatchPlan, ...]:
    chains = tuple(FilterChainPlan((PROXY,), match) for match in wanted)
    return tuple(chain.match for chain in TcpListenerPlan("a", "::", 80, chains).chains)


def test_a_match_says_every_name_by_no_name() -> None:
    assert ChainMatchPlan(server_names=("*", "a.com")) == ChainMatchPlan()
    assert ChainMatchPlan(server_names=("B.com", "a.com", "b.com")).server_names == ("a.com", "b.com")


def test_a_match_has_networks() -> None:
    ranges = ChainMatchPlan(prefix_ranges=("10.1.2.3/8", "10.0.0.0/8", "fd00::1")).prefix_ranges
    assert ranges == ("10.0.0.0/8", "fd00::1/128")
    with pytest.raises(ValueError, match="example"):
        ChainMatchPlan(prefix_ranges=("a.example.com",))


def test_the_first_chain_of_a_match_counts() -> None:
    named, unnamed = (ChainMatchPlan(transport_protocol="tls", server_names=names) for names in (("*",), ()))
    assert matches(named, unnamed) == (ChainMatchPlan(transport_protocol="tls"),)


def test_a_listener_has_a_chain() -> None:
    with pytest.raises(ValueError, match="no filter chain"):
        TcpListenerPlan("a", "::", 80, ())
    assert TcpListenerPlan("a", "::", 80, (), default_chain=FilterChainPlan((PROXY,))).chains == ()


@given(
    st.lists(
        st.builds(
            ChainMatchPlan,
            destination_port=st.sampled_from([0, 80]),
            server_names=st.sets(st.sampled_from("aBc*")).map(tuple),
            application_protocols=st.sets(st.sampled_from(["h2c", "http/1.1"])).map(tuple),
            prefix_ranges=st.sets(st.sampled_from(["10.0.0.0/8", "10.1.1.1/8", "::1"])).map(tuple),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_no_connection_is_taken_by_two_chains(wanted: list[ChainMatchPlan]) -> None:
    taken = [
        (match.destination_port, name, protocol, network)
        for match in matches(*wanted)
        for name in match.server_names or ("",)
        for protocol in match.application_protocols or ("",)
        for network in match.prefix_ranges or ("",)
    ]
    assert len(set(taken)) == len(taken)
    assert matches(*wanted)[0] == wanted[0]
