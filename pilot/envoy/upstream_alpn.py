"""A network filter that tells upstream connections which protocols to offer, whatever their cluster says."""

from __future__ import annotations

from envoy_data_plane.envoy.config.core.v3 import DataSource, SubstitutionFormatString
from envoy_data_plane.envoy.config.listener.v3 import Filter
from envoy_data_plane.envoy.extensions.filters.common.set_filter_state.v3 import FilterStateValue
from envoy_data_plane.envoy.extensions.filters.network.set_filter_state.v3 import Config

from envoycodec.construct import maker
from envoycodec.encode import pack

_filter = maker(Filter)
_config = maker(Config)
_value = maker(FilterStateValue)
_format = maker(SubstitutionFormatString)
_data_source = maker(DataSource)

APPLICATION_PROTOCOLS = "envoy.network.application_protocols"
"""The object in a connection's state that Envoy's TLS client looks for."""


def upstream_alpn_filter(protocols: tuple[str, ...]) -> Filter:
    """The filter, which stands before the one that ends the chain."""
    text = _format(text_format_source=_data_source(inline_string=",".join(protocols)))
    value = _value(object_key=APPLICATION_PROTOCOLS, format_string=text)
    return _filter(name="envoy.filters.network.set_filter_state", typed_config=pack(_config(on_new_connection=[value])))
