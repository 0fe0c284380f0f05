from __future__ import annotations

from typing import Any

import pytest
from envoy_data_plane.cel.expr import Constant
from envoy_data_plane.envoy.config.cluster.v3 import Cluster, OutlierDetection
from envoy_data_plane.envoy.config.core.v3 import HealthCheck, Metadata
from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.rbac.v3 import Rbac
from envoy_data_plane.envoy.config.route.v3 import RouteConfiguration
from envoy_data_plane.envoy.data.accesslog.v3 import HttpAccessLogEntry
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpConnectionManager
from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryRequest
from hypothesis import HealthCheck as Check
from hypothesis import given, settings
from hypothesis import strategies as st

from envoycodec.encode import encode
from envoycodec.upb import decode_upb, parse_json, to_json_dict
from tests.envoycodec.random_messages import assert_same, messages

CLASSES: list[Any] = [
    Cluster,
    ClusterLoadAssignment,
    Constant,
    DeltaDiscoveryRequest,
    HealthCheck,
    HttpAccessLogEntry,
    HttpConnectionManager,
    Listener,
    Metadata,
    OutlierDetection,
    Rbac,
    RouteConfiguration,
]


@pytest.mark.parametrize("cls", CLASSES)
@settings(max_examples=40, suppress_health_check=[Check.too_slow, Check.data_too_large])
@given(data=st.data())
def test_upb_decodes_what_was_encoded(cls: Any, data: st.DataObject) -> None:
    message = data.draw(messages(cls))
    encoded = encode(message)
    assert_same(message, decode_upb(cls, encoded))
    assert encode(message) == encoded


@settings(max_examples=30, suppress_health_check=[Check.too_slow, Check.data_too_large])
@given(message=messages(OutlierDetection, depth=1) | messages(HealthCheck, depth=1))
def test_json_gives_back_the_same_message(message: Any) -> None:
    cls = type(message)
    encoded = encode(message)
    again = parse_json(cls, to_json_dict(cls, encoded))
    assert decode_upb(cls, again) == decode_upb(cls, encoded)
