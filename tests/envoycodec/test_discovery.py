from __future__ import annotations

from typing import Any

import pytest
from envoy_data_plane.envoy.config.core.v3 import BuildVersion, Extension, Locality
from envoy_data_plane.envoy.config.core.v3 import Node as NodeMessage
from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryRequest as DeltaDiscoveryRequestMessage
from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryRequest as DiscoveryRequestMessage
from envoy_data_plane.envoy.type.v3 import SemanticVersion
from envoy_data_plane.google.rpc import Status

from envoycodec.discovery import (
    DeltaDiscoveryRequest,
    DiscoveryRequest,
    Node,
    decode_delta_discovery_request,
    decode_discovery_request,
    encode_discovery_request,
)
from envoycodec.encode import encode
from envoycodec.wellknown import struct

METADATA: dict[str, Any] = {
    "NAMESPACE": "shop",
    "LABELS": {"app": "cart"},
    "PORTS": [80, 1.5],
    "ON": True,
    "NONE": None,
}


def node() -> NodeMessage:
    return NodeMessage(
        id="sidecar~10.0.0.1~cart.shop~shop.local",
        cluster="cart.shop",
        metadata=struct(METADATA),
        locality=Locality(region="r", zone="z", sub_zone="s"),
        user_agent_name="envoy",
        user_agent_build_version=BuildVersion(version=SemanticVersion(major_number=1, minor_number=36, patch=4)),
        extensions=[Extension(name="envoy.filters.http.router", category="envoy.filters.http")] * 300,
    )


EXPECTED_NODE = Node(
    id="sidecar~10.0.0.1~cart.shop~shop.local",
    cluster="cart.shop",
    metadata=METADATA,
    region="r",
    zone="z",
    sub_zone="s",
    user_agent_name="envoy",
    user_agent_version=(1, 36, 4),
)


def test_a_first_request() -> None:
    data = encode(DiscoveryRequestMessage(type_url="t", resource_names=["a", "b"], node=node()))
    request = decode_discovery_request(data, with_node=True)
    assert request == DiscoveryRequest(type_url="t", resource_names=("a", "b"), node=EXPECTED_NODE)
    assert not request.is_nack


def test_the_node_is_left_out_unless_asked_for() -> None:
    assert decode_discovery_request(encode(DiscoveryRequestMessage(node=node())), with_node=False).node is None
    assert (
        decode_delta_discovery_request(encode(DeltaDiscoveryRequestMessage(node=node())), with_node=False).node is None
    )


def test_a_request_without_a_node_has_none() -> None:
    assert decode_discovery_request(b"", with_node=True).node is None
    assert decode_delta_discovery_request(b"", with_node=True).node is None


def test_an_empty_node_is_a_node_without_a_version() -> None:
    data = encode(DiscoveryRequestMessage(node=NodeMessage()))
    assert decode_discovery_request(data, with_node=True).node == Node()


def test_an_acknowledgement() -> None:
    data = encode(DiscoveryRequestMessage(type_url="t", version_info="v", response_nonce="n", resource_names=["a"]))
    request = decode_discovery_request(data, with_node=False)
    assert request == DiscoveryRequest(type_url="t", version_info="v", response_nonce="n", resource_names=("a",))


def test_a_rejection_is_told_by_the_presence_of_its_error() -> None:
    request = decode_discovery_request(encode(DiscoveryRequestMessage(error_detail=Status())), with_node=False)
    assert (request.is_nack, request.error_code, request.error_message) == (True, 0, "")
    data = encode(DeltaDiscoveryRequestMessage(error_detail=Status(code=13, message="bad cluster")))
    delta = decode_delta_discovery_request(data, with_node=False)
    assert (delta.is_nack, delta.error_code, delta.error_message) == (True, 13, "bad cluster")


def test_an_incremental_request() -> None:
    data = encode(
        DeltaDiscoveryRequestMessage(
            type_url="t",
            resource_names_subscribe=["a", "*"],
            resource_names_unsubscribe=["b"],
            initial_resource_versions={"c": "1", "d": "2"},
            response_nonce="n",
            node=node(),
        )
    )
    assert decode_delta_discovery_request(data, with_node=True) == DeltaDiscoveryRequest(
        type_url="t",
        subscribe=("a", "*"),
        unsubscribe=("b",),
        initial_versions={"c": "1", "d": "2"},
        nonce="n",
        node=EXPECTED_NODE,
    )


def test_every_truncation_is_refused_or_shorter() -> None:
    data = encode(DiscoveryRequestMessage(type_url="type", version_info="version"))
    boundary = len(data) - len(b"\x22\x04type")
    for size in range(1, len(data)):
        if size == boundary:
            assert decode_discovery_request(data[:size], with_node=False).version_info == "version"
            continue
        with pytest.raises(ValueError, match="DiscoveryRequest"):
            decode_discovery_request(data[:size], with_node=False)


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x22\x01\xff", b"\x07"])
def test_malformed_requests_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="DiscoveryRequest"):
        decode_discovery_request(data, with_node=True)
    with pytest.raises(ValueError, match="DeltaDiscoveryRequest"):
        decode_delta_discovery_request(data, with_node=True)


def test_what_a_client_writes_is_what_a_server_reads() -> None:
    node = Node(id="sidecar~1", cluster="c", metadata={"LABELS": {"app": "a"}, "AGENT": "true"}, region="eu")
    request = DiscoveryRequest("a.Type", "1", "2", ("x", "y"), error_code=503, error_message="gone", node=node)
    assert decode_discovery_request(encode_discovery_request(request), True) == request
    accepted = DiscoveryRequest("a.Type", "1", "2", ("x",))
    assert decode_discovery_request(encode_discovery_request(accepted), True) == accepted
