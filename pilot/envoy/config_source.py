"""Where Envoy finds resources that another one names: on the stream that it already has."""

from __future__ import annotations

from datetime import timedelta

from envoy_data_plane.envoy.config.core.v3 import AggregatedConfigSource, ApiVersion, ConfigSource

from envoycodec.construct import maker

_config_source = maker(ConfigSource)
_aggregated_config_source = maker(AggregatedConfigSource)


def ads() -> ConfigSource:
    """The aggregated stream. A timeout of 0 waits for the resource as long as it takes: the alternative, after 15 s,
    is to open a listener that answers 404."""
    return _config_source(
        ads=_aggregated_config_source(),
        initial_fetch_timeout=timedelta(0),
        resource_api_version=ApiVersion.V3,
    )
