"""Nothing that a proxy says of itself may make another proxy's configuration invalid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from envoycodec.discovery import Node
from pilot.controlplane.mesh_state import MeshState
from pilot.node.node_id import NodeError
from pilot.serving import proxy_of_node
from pilot.xds.resources import CLUSTER, ENDPOINT, LISTENER, ROUTE, ResourceSnapshot
from tests.builders import a_config, a_manifest, a_proxy
from tests.envoy_validate import to_json, validate_resources

AWKWARD = (
    *("::1%lo", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "fe80::1", "fe80::1%eth0", "::ffff:10.0.0.9", "010.0.0.1"),
    *("255.255.255.255", "240.0.0.1", "169.254.0.1", "10.0.0.7:80", "[::1]", "localhost", "1", "\u0663.1.1.1", ""),
)
ADDRESSES = st.one_of(st.ip_addresses().map(str), st.sampled_from(AWKWARD), st.text(max_size=20))
NUMBERS: st.SearchStrategy[Any] = st.one_of(
    st.floats(),
    st.integers(),
    st.text(max_size=6),
    st.sampled_from([math.inf, math.nan, -1, 1e300, True, None, [], {}]),
)
VALUES: st.SearchStrategy[Any] = st.one_of(st.text(max_size=20), NUMBERS, st.lists(st.text(max_size=3), max_size=2))
METADATA = st.fixed_dictionaries(
    {"INSTANCE_IPS": st.lists(ADDRESSES, min_size=1, max_size=3).map(",".join), "SELF_REGISTER": st.just("true")},
    optional={
        "LABELS": st.just({"app": "reviews"})
        | st.dictionaries(st.text(max_size=5), VALUES, max_size=3).map(lambda more: {**more, "app": "reviews"}),
        "PORTS": NUMBERS.map(lambda number: {"http": number}) | st.just({"http": 9080.0}),
        "SERVICE_ACCOUNT": VALUES,
        "WORKLOAD_NAME": VALUES,
        "NETWORK": VALUES,
        "NAMESPACE": st.just("default") | VALUES,
        "INTERCEPTION_MODE": VALUES,
    },
)
OBSERVER = a_proxy(address="10.9.9.9", name="client")


def observed(metadata: dict[str, Any], locality: str = "") -> ResourceSnapshot | None:
    """What another proxy is served while a proxy with this metadata is there; None when that is refused."""
    node = Node(id="sidecar~10.0.0.7~reviews-1.default~default.svc.cluster.local", metadata=metadata, region=locality)
    state = MeshState(deregister_after=5.0)
    state.configure(a_config(a_manifest("reviews")))
    try:
        proxy = proxy_of_node(node)
    except NodeError:
        return None
    state.connect(proxy)
    state.listening(proxy)
    state.rebuild()
    return state.snapshot_of(OBSERVER)


def endpoints(snapshot: ResourceSnapshot) -> Iterator[dict[str, Any]]:
    """The socket addresses of all endpoints, decoded by protobuf's own rules."""
    for resource in snapshot.of(ENDPOINT):
        for group in to_json(resource).get("endpoints", ()):
            yield from (one["endpoint"]["address"]["socketAddress"] for one in group.get("lbEndpoints", ()))


@example({"INSTANCE_IPS": "10.0.0.7", "SELF_REGISTER": "true", "LABELS": {"app": "reviews"}, "PORTS": {"http": ""}}, "")
@given(METADATA, st.text(max_size=20))
@settings(max_examples=150, deadline=None)
def test_whatever_a_proxy_says_what_others_are_served_stays_valid(metadata: dict[str, Any], locality: str) -> None:
    snapshot = observed(metadata, locality)
    if snapshot is None:
        return
    for type_url in (CLUSTER, LISTENER, ROUTE):
        assert all(to_json(resource) for resource in snapshot.of(type_url))
    for endpoint in endpoints(snapshot):
        address = ip_address(endpoint["address"])
        assert not address.is_unspecified
        assert not address.is_multicast
        assert not (isinstance(address, IPv6Address) and address.scope_id)
        assert 0 < endpoint["portValue"] < 65536


@pytest.mark.parametrize("address", ["10.0.0.7", "fd00::7", "fe80::1", "::ffff:10.0.0.9", "169.254.0.1", "240.0.0.1"])
def test_envoy_takes_what_is_accepted(address: str) -> None:
    metadata = {"INSTANCE_IPS": address, "SELF_REGISTER": "true", "LABELS": {"app": "reviews"}}
    snapshot = observed(metadata, "eu-\u00e9")
    assert snapshot is not None
    assert [ip_address(one["address"]) for one in endpoints(snapshot)] == [ip_address(address)]
    validate_resources(snapshot.of(ENDPOINT))
