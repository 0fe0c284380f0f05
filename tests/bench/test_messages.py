"""The hand-written messages are what the server reads and writes."""

import pytest

from bench.configuration import Mesh
from bench.messages import Delta, Sotw, Variant, node_of, read_response, request_type
from envoycodec.discovery import decode_delta_discovery_request, decode_discovery_request
from pilot.mesh.context.proxy import read_proxy
from pilot.xds.events import Respond
from pilot.xds.resources import CLUSTER, ENDPOINT, EncodedResource, ResourceSet
from pilot.xds.wire import ResponseEncoder

NODE = node_of(Mesh(10).workload(0), registering=True)


def test_the_node_is_that_of_a_sidecar() -> None:
    request = decode_delta_discovery_request(Delta().signed(Delta().first(CLUSTER, (), "", {}), NODE), with_node=True)
    assert request.node is not None
    proxy = read_proxy(node_id=request.node.id, metadata=request.node.metadata)
    assert (proxy.namespace, proxy.addresses, dict(proxy.labels)) == (
        "team-0",
        ("10.16.0.1",),
        {"app": "svc-0000", "version": "v1"},
    )
    assert proxy.self_register
    assert 50_000 < len(NODE) < 70_000


def test_a_delta_request_says_what_is_held() -> None:
    data = Delta().first(ENDPOINT, ("a", "b"), "ignored", {"a": "1"})
    request = decode_delta_discovery_request(data, with_node=False)
    assert (request.type_url, request.subscribe, dict(request.initial_versions)) == (ENDPOINT, ("a", "b"), {"a": "1"})


def test_a_sotw_request_says_the_last_version() -> None:
    request = decode_discovery_request(Sotw().first(ENDPOINT, ("a", "b"), "7", {"a": ""}), with_node=False)
    assert (request.type_url, request.resource_names, request.version_info) == (ENDPOINT, ("a", "b"), "7")


@pytest.mark.parametrize("variant", [Delta(), Sotw()])
def test_the_type_of_a_request_is_found_behind_its_node(variant: Variant) -> None:
    assert request_type(variant.signed(variant.first(ENDPOINT, ("a",), "", {}), NODE)) == ENDPOINT


def respond() -> Respond:
    any_field = b"\x12\x03\x0a\x01"  # Any.value with a resource whose first field is its name
    resources = ResourceSet(CLUSTER, [EncodedResource(name, f"v-{name}", any_field + name.encode()) for name in "ab"])
    return Respond(CLUSTER, "whole", "5", resources, ("gone",))


def test_a_delta_response_is_read() -> None:
    response = read_response(ResponseEncoder().encode_delta(respond()))
    assert (response.type_url, response.version, response.nonce, response.removed) == (CLUSTER, "whole", "5", ("gone",))
    assert Delta().read_resources(response) == {"a": "v-a", "b": "v-b"}
    ack = decode_delta_discovery_request(Delta().ack(response, ()), with_node=False)
    assert (ack.type_url, ack.nonce, ack.is_nack) == (CLUSTER, "5", False)


def test_a_sotw_response_is_read() -> None:
    response = read_response(ResponseEncoder().encode_sotw(respond()))
    assert (response.type_url, response.version, response.nonce) == (CLUSTER, "whole", "5")
    assert Sotw().read_resources(response) == {"a": "", "b": ""}
    ack = decode_discovery_request(Sotw().ack(response, ("a", "b")), with_node=False)
    assert (ack.resource_names, ack.version_info, ack.response_nonce) == (("a", "b"), "whole", "5")
