from __future__ import annotations

import pytest

from pilot.ir.http_filters import CorsPlan, HttpFilterPlan, RouterPlan
from pilot.ir.network_filters import HttpConnectionPlan


@pytest.mark.parametrize("filters", [(), (CorsPlan(),), (RouterPlan(), CorsPlan()), (RouterPlan(), RouterPlan())])
def test_the_router_is_the_last_http_filter(filters: tuple[HttpFilterPlan, ...]) -> None:
    with pytest.raises(ValueError, match="router"):
        HttpConnectionPlan("80", route_name="80", filters=filters)
