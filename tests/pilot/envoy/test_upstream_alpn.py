from pilot.envoy.upstream_alpn import upstream_alpn_filter
from tests.rendered import as_json


def test_the_names_are_put_into_the_state_of_each_connection():
    rendered = as_json(upstream_alpn_filter(("istio-h2", "istio")))
    assert rendered["name"] == "envoy.filters.network.set_filter_state"
    assert rendered["typedConfig"]["onNewConnection"] == [
        {
            "objectKey": "envoy.network.application_protocols",
            "formatString": {"textFormatSource": {"inlineString": "istio-h2,istio"}},
        }
    ]
