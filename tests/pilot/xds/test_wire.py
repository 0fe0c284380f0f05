"""The bytes of responses, read back by protobuf."""

from __future__ import annotations

from typing import Any

from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryResponse, DiscoveryResponse

from envoycodec.upb import decode_upb
from pilot.xds.events import Respond
from pilot.xds.resources import CLUSTER, EncodedResource, ResourceSet
from pilot.xds.wire import ResponseEncoder


def encoded(name: str, value: bytes) -> EncodedResource:
    """A resource with a valid Any: type_url 1, value 2."""
    url = CLUSTER.encode()
    length = len(value)
    size = bytes([length]) if length < 128 else bytes([length & 0x7F | 0x80, length >> 7])
    return EncodedResource(name, f"v-{name}", b"\x0a" + bytes([len(url)]) + url + b"\x12" + size + value)


SET = ResourceSet(CLUSTER, [encoded("a", b"x" * 300), encoded("b", b"")])


def test_a_state_of_the_world_response_is_read_back() -> None:
    written = ResponseEncoder().encode_sotw(Respond(CLUSTER, "version", "nonce", SET))
    read: Any = decode_upb(DiscoveryResponse, written)
    assert (read.version_info, read.type_url, read.nonce) == ("version", CLUSTER, "nonce")
    assert [(any_.type_url, any_.value) for any_ in read.resources] == [(CLUSTER, b"x" * 300), (CLUSTER, b"")]


def test_an_incremental_response_is_read_back() -> None:
    written = ResponseEncoder().encode_delta(Respond(CLUSTER, "version", "nonce", SET, ("gone", "too")))
    read: Any = decode_upb(DeltaDiscoveryResponse, written)
    assert (read.system_version_info, read.type_url, read.nonce) == ("version", CLUSTER, "nonce")
    assert [(r.name, r.version, r.resource.value) for r in read.resources] == [
        ("a", "v-a", b"x" * 300),
        ("b", "v-b", b""),
    ]
    assert list(read.removed_resources) == ["gone", "too"]


def test_a_set_is_joined_once_for_all_who_hold_it() -> None:
    encoder = ResponseEncoder()
    shared = ResourceSet(CLUSTER, [encoded("a", b"1")])
    for n in range(1000):
        encoder.encode_sotw(Respond(CLUSTER, "v", str(n), shared))
    assert encoder.joins == 1
    encoder.encode_delta(Respond(CLUSTER, "v", "1", shared))
    assert encoder.joins == 2


def test_a_name_that_is_no_unicode_does_not_stop_the_stream() -> None:
    written = ResponseEncoder().encode_delta(Respond(CLUSTER, "v", "1", ResourceSet(CLUSTER, ()), ("\udc80",)))
    read: Any = decode_upb(DeltaDiscoveryResponse, written)
    assert list(read.removed_resources) == ["?"]
