from pilot.envoy.filters.network import render_network_filter
from pilot.ir.network_filters import UpstreamAlpnPlan
from tests.rendered import as_json


def test_the_names_are_put_into_the_state_of_each_connection() -> None:
    rendered = as_json(render_network_filter(UpstreamAlpnPlan(protocols=("istio-h2", "istio"))))
    assert rendered["name"] == "envoy.filters.network.set_filter_state"
    assert rendered["typedConfig"]["onNewConnection"] == [
        {
            "objectKey": "envoy.network.application_protocols",
            "formatString": {"textFormatSource": {"inlineString": "istio-h2,istio"}},
        }
    ]
