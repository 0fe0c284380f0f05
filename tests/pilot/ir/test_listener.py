from __future__ import annotations

import pytest

from pilot.ir.listener import FilterChainPlan
from pilot.ir.network_filters import NetworkFilterPlan, TcpProxyPlan, UpstreamAlpnPlan, WeightedTcpCluster

PROXY = TcpProxyPlan("a", (WeightedTcpCluster("a", 1),))
ALPN = UpstreamAlpnPlan(("h2",))


@pytest.mark.parametrize("filters", [(), (ALPN,), (PROXY, ALPN), (PROXY, PROXY)])
def test_the_last_filter_ends_a_chain_and_no_other(filters: tuple[NetworkFilterPlan, ...]) -> None:
    with pytest.raises(ValueError, match="ends it"):
        FilterChainPlan(filters)
    assert FilterChainPlan((ALPN, PROXY)).terminal is PROXY
