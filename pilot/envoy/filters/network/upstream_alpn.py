"""A network filter that tells upstream connections which protocols to offer, whatever their cluster says."""

from __future__ import annotations

from envoy_data_plane.envoy.config.core.v3 import DataSource, SubstitutionFormatString
from envoy_data_plane.envoy.extensions.filters.common.set_filter_state.v3 import FilterStateValue
from envoy_data_plane.envoy.extensions.filters.network.set_filter_state.v3 import Config

from envoycodec.construct import maker
from pilot.ir.network_filters import UpstreamAlpnPlan

_config = maker(Config)
_value = maker(FilterStateValue)
_format = maker(SubstitutionFormatString)
_data_source = maker(DataSource)

SET_FILTER_STATE = "envoy.filters.network.set_filter_state"
APPLICATION_PROTOCOLS = "envoy.network.application_protocols"
"""The object in a connection's state that Envoy's TLS client looks for."""


def render_upstream_alpn(plan: UpstreamAlpnPlan) -> Config:
    """The names are put into the state of each new connection."""
    text = _format(text_format_source=_data_source(inline_string=",".join(plan.protocols)))
    return _config(on_new_connection=[_value(object_key=APPLICATION_PROTOCOLS, format_string=text)])
