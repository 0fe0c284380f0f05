from __future__ import annotations

import datetime
import math
from typing import Any

import pytest
from envoy_data_plane.envoy.config.cluster.v3 import (
    Cluster,
    ClusterDiscoveryType,
    ClusterLbPolicy,
    ClusterRingHashLbConfig,
    OutlierDetection,
)
from envoy_data_plane.envoy.config.core.v3 import (
    Address,
    BackoffStrategy,
    Metadata,
    RequestMethod,
    SocketAddress,
    TypedExtensionConfig,
)
from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints
from envoy_data_plane.envoy.config.listener.v3 import FilterChainMatch
from envoy_data_plane.envoy.config.route.v3 import HeaderMatcher, RetryPolicy
from envoy_data_plane.envoy.extensions.filters.http.router.v3 import Router
from envoy_data_plane.envoy.type.v3 import Percent
from envoy_data_plane.google.protobuf import Any as AnyMessage
from envoy_data_plane.google.protobuf import DoubleValue, Struct, Timestamp, Value
from google.protobuf import duration_pb2

from envoycodec.construct import maker
from envoycodec.encode import EncodeError, encode, encode_any, length_delimited, pack, type_url, varint
from envoycodec.upb import decode_upb

new_cluster = maker(Cluster)
new_socket_address = maker(SocketAddress)


def decoded(message: Any) -> Any:
    return decode_upb(type(message), encode(message))


def seconds(value: float) -> datetime.timedelta:
    return datetime.timedelta(seconds=value)


# --- values that betterproto2 itself gets wrong


@pytest.mark.parametrize(
    "value",
    [
        seconds(0),
        seconds(1.5),
        seconds(-1.5),
        seconds(-3),
        datetime.timedelta(microseconds=-1),
        datetime.timedelta(days=3_650_000, microseconds=999_999),
        datetime.timedelta(days=-3_650_000, microseconds=1),
    ],
)
def test_durations_are_exact(value: datetime.timedelta) -> None:
    expected = duration_pb2.Duration()
    expected.FromTimedelta(value)
    found = decoded(new_cluster(connect_timeout=value))
    assert found.HasField("connect_timeout")
    assert (found.connect_timeout.seconds, found.connect_timeout.nanos) == (expected.seconds, expected.nanos)


def test_a_duration_beyond_protobuf_range_is_refused() -> None:
    with pytest.raises(EncodeError, match=r"Cluster\.connect_timeout: .*longer"):
        encode(new_cluster(connect_timeout=datetime.timedelta(days=3_652_500, seconds=1)))


def test_negative_zero_is_kept() -> None:
    assert math.copysign(1, decoded(maker(DoubleValue)(value=-0.0)).value) == -1
    assert encode(maker(DoubleValue)(value=0.0)) == b""


def test_equal_maps_give_equal_bytes() -> None:
    new_struct, new_value = maker(Struct), maker(Value)
    one = new_struct(fields={key: new_value(string_value="x") for key in ("b", "a", "ab")})
    other = new_struct(fields={key: new_value(string_value="x") for key in ("ab", "b", "a")})
    assert one == other
    assert encode(one) == encode(other)


def test_fields_are_in_the_order_of_their_numbers() -> None:
    cluster = new_cluster(name="n", lb_policy=ClusterLbPolicy.MAGLEV, alt_stat_name="s", wait_for_warm_on_init=True)
    assert encode(cluster) == decode_upb(Cluster, encode(cluster)).SerializeToString(deterministic=True)


def test_a_set_but_empty_message_is_written() -> None:
    found = decoded(new_cluster(outlier_detection=maker(OutlierDetection)()))
    assert found.HasField("outlier_detection")
    assert encode(maker(ClusterLoadAssignment)(endpoints=[maker(LocalityLbEndpoints)()] * 2)) == b"\x12\x00" * 2


def test_wrappers_of_zero_are_written() -> None:
    found = decoded(
        new_cluster(
            wait_for_warm_on_init=False, per_connection_buffer_limit_bytes=0, connect_timeout=datetime.timedelta()
        )
    )
    assert found.HasField("wait_for_warm_on_init")
    assert found.HasField("per_connection_buffer_limit_bytes")
    assert found.HasField("connect_timeout")


@pytest.mark.parametrize("value", [0, 1, 127, 128, 16_383, 16_384, 2**32 - 1])
def test_wrapped_integers_of_every_size(value: int) -> None:
    assert (
        decoded(new_cluster(per_connection_buffer_limit_bytes=value)).per_connection_buffer_limit_bytes.value == value
    )


def test_oneof_members_at_their_defaults_are_written() -> None:
    assert decoded(new_socket_address(port_value=0)).WhichOneof("port_specifier") == "port_value"
    matcher = maker(HeaderMatcher)(name="x", present_match=False)
    assert decoded(matcher).WhichOneof("header_match_specifier") == "present_match"
    assert decoded(new_cluster(type=ClusterDiscoveryType.STATIC)).WhichOneof("cluster_discovery_type") == "type"


def test_timestamps_are_exact() -> None:
    times = maker(Timestamp)(seconds=-1, nanos=5)
    assert (decoded(times).seconds, decoded(times).nanos) == (-1, 5)


def test_packed_fields() -> None:
    codes = [0, 503, 2**32 - 1]
    policy = maker(RetryPolicy)(retriable_status_codes=codes)
    assert list(decoded(policy).retriable_status_codes) == codes


def test_unknown_fields_are_kept() -> None:
    parsed = Cluster.parse(b"\x0a\x01n\xa2\x3f\x01x")
    assert encode(parsed) == b"\x0a\x01n\xa2\x3f\x01x"


def test_unknown_enum_values_are_kept() -> None:
    assert decoded(new_cluster(lb_policy=ClusterLbPolicy(99))).lb_policy == 99


def test_messages_of_the_validated_constructor_encode_alike() -> None:
    def tree(build: Any) -> Any:
        address = build(Address)(socket_address=build(SocketAddress)(address="10.0.0.1", port_value=80))
        endpoint = build(LbEndpoint)(endpoint=build(Endpoint)(address=address), load_balancing_weight=3)
        return build(ClusterLoadAssignment)(
            cluster_name="c", endpoints=[build(LocalityLbEndpoints)(lb_endpoints=[endpoint], priority=1)]
        )

    assert encode(tree(maker)) == encode(tree(lambda cls: cls))


def test_large_messages_get_long_lengths() -> None:
    name = "n" * 20_000
    assert decoded(new_cluster(name=name, alt_stat_name="s" * 128)).name == name


# --- values that are refused


@pytest.mark.parametrize(
    ("cls", "values", "place"),
    [
        (Cluster, {"name": 5}, r"Cluster\.name"),
        (Cluster, {"name": b"bytes"}, r"Cluster\.name"),
        (Cluster, {"name": None}, r"Cluster\.name"),
        (Cluster, {"name": 0}, r"Cluster\.name"),
        (Cluster, {"name": "\ud800"}, r"Cluster\.name"),
        (Cluster, {"ignore_health_on_host_removal": "yes"}, r"Cluster\.ignore_health_on_host_removal"),
        (Cluster, {"ignore_health_on_host_removal": ""}, r"Cluster\.ignore_health_on_host_removal"),
        (Cluster, {"ignore_health_on_host_removal": 1}, r"Cluster\.ignore_health_on_host_removal"),
        (Cluster, {"wait_for_warm_on_init": "yes"}, r"Cluster\.wait_for_warm_on_init"),
        (Cluster, {"per_connection_buffer_limit_bytes": 2**32}, "per_connection_buffer_limit_bytes"),
        (Cluster, {"per_connection_buffer_limit_bytes": -1}, "per_connection_buffer_limit_bytes"),
        (Cluster, {"per_connection_buffer_limit_bytes": "80"}, "per_connection_buffer_limit_bytes"),
        (Cluster, {"connect_timeout": 5}, r"Cluster\.connect_timeout"),
        (Cluster, {"lb_policy": "ROUND_ROBIN"}, r"Cluster\.lb_policy"),
        (Cluster, {"lb_policy": None}, r"Cluster\.lb_policy"),
        (Cluster, {"outlier_detection": {}}, r"Cluster\.outlier_detection: expected OutlierDetection, got dict"),
        (Cluster, {"outlier_detection": SocketAddress()}, r"expected OutlierDetection, got SocketAddress"),
        (FilterChainMatch, {"application_protocols": "h2"}, r"FilterChainMatch\.application_protocols: expected list"),
        (FilterChainMatch, {"application_protocols": ["h2", 3]}, "application_protocols"),
        (FilterChainMatch, {"application_protocols": iter(["h2"])}, "expected list"),
        (SocketAddress, {"port_value": 2**32}, r"SocketAddress\.port_value"),
        (SocketAddress, {"port_value": -1}, r"SocketAddress\.port_value"),
        (SocketAddress, {"port_value": 80.0}, r"SocketAddress\.port_value"),
        (RetryPolicy, {"retriable_status_codes": [2**32]}, "retriable_status_codes"),
        (Percent, {"value": "5"}, r"Percent\.value"),
        (Percent, {"value": ""}, r"Percent\.value"),
        (ClusterRingHashLbConfig, {"minimum_ring_size": 2**64}, "minimum_ring_size"),
        (LocalityLbEndpoints, {"priority": -1}, r"LocalityLbEndpoints\.priority"),
        (Metadata, {"filter_metadata": {"a": {}}}, r"Metadata\.filter_metadata: expected Struct"),
        (Metadata, {"filter_metadata": {1: Struct()}}, r"Metadata\.filter_metadata"),
        (AnyMessage, {"value": "text"}, r"Any\.value"),
    ],
)
def test_a_value_that_the_schema_does_not_allow_is_refused(cls: Any, values: dict[str, Any], place: str) -> None:
    with pytest.raises(EncodeError, match=place):
        encode(maker(cls)(**values))


def test_two_members_of_a_oneof_are_refused() -> None:
    with pytest.raises(EncodeError, match="oneof port_specifier"):
        encode(new_socket_address(port_value=1, named_port="http"))
    with pytest.raises(EncodeError, match="oneof port_specifier"):
        encode(new_socket_address(port_value=0, named_port=""))


def test_an_assigned_attribute_that_is_no_field_is_refused() -> None:
    cluster = new_cluster()
    cluster.nmae = "typo"  # type: ignore[attr-defined]
    with pytest.raises(EncodeError, match="no such field: nmae"):
        encode(cluster)


def test_the_refusal_names_the_place_inside_nested_messages() -> None:
    bad = maker(LbEndpoint)(load_balancing_weight=-5)
    good = maker(LbEndpoint)(load_balancing_weight=5)
    assignment = maker(ClusterLoadAssignment)(endpoints=[maker(LocalityLbEndpoints)(lb_endpoints=[good, bad])])
    expected = r"ClusterLoadAssignment\.endpoints\[0\]\.lb_endpoints\[1\]\.load_balancing_weight: -5 is not between"
    with pytest.raises(EncodeError, match=expected):
        encode(assignment)


def test_other_objects_are_refused() -> None:
    with pytest.raises(EncodeError, match="int"):
        encode(5)  # type: ignore[arg-type]


def test_a_field_that_is_required_by_envoy_only_is_left_to_envoy() -> None:
    assert encode(maker(BackoffStrategy)()) == b""


# --- Any and parts


def test_pack_uses_the_type_url_of_the_message() -> None:
    packed = pack(maker(Router)(suppress_envoy_headers=True))
    assert packed == AnyMessage.pack(Router(suppress_envoy_headers=True))
    assert packed.type_url == "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
    assert type_url(ClusterRingHashLbConfig) == "type.googleapis.com/envoy.config.cluster.v3.Cluster.RingHashLbConfig"


@pytest.mark.parametrize("message", [maker(Router)(), maker(Router)(suppress_envoy_headers=True)])
def test_encode_any_is_the_encoding_of_pack(message: Any) -> None:
    assert encode_any(message) == encode(pack(message))


def test_nested_any() -> None:
    inner = maker(TypedExtensionConfig)(name="in", typed_config=pack(maker(Router)()))
    outer = maker(TypedExtensionConfig)(name="out", typed_config=pack(inner))
    assert TypedExtensionConfig.parse(decoded(outer).typed_config.value) == inner


def test_a_message_is_joined_from_encoded_parts() -> None:
    localities = [maker(LocalityLbEndpoints)(priority=priority) for priority in range(3)]
    whole = encode(maker(ClusterLoadAssignment)(cluster_name="c" * 300, endpoints=localities))
    parts = [length_delimited(1, b"c" * 300), *(length_delimited(2, encode(each)) for each in localities)]
    assert b"".join(parts) == whole


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "00"), (127, "7f"), (128, "8001"), (16_384, "808001"), (-1, "ffffffffffffffffff01")],
)
def test_varint(number: int, expected: str) -> None:
    assert varint(number).hex() == expected


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1 - 2**63])
def test_varint_out_of_range(number: int) -> None:
    with pytest.raises(ValueError, match="integer"):
        varint(number)


def test_enum_members_encode_as_numbers() -> None:
    assert RequestMethod.GET.value == 1
    assert decoded(new_cluster(lb_policy=ClusterLbPolicy.RING_HASH)).lb_policy == 2
