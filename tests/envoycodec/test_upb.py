from __future__ import annotations

import datetime
import json
from types import MappingProxyType
from typing import Any

import pytest
from envoy_data_plane.envoy.config.cluster.v3 import Cluster, OutlierDetection
from envoy_data_plane.envoy.config.core.v3 import Metadata, SocketAddress, TransportSocket, TypedExtensionConfig
from envoy_data_plane.envoy.config.route.v3 import RouteConfiguration
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpConnectionManagerTracing
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import UpstreamTlsContext
from envoy_data_plane.google.protobuf import Any as AnyMessage
from hypothesis import given
from hypothesis import strategies as st

from envoycodec.construct import maker
from envoycodec.encode import encode, pack, type_url
from envoycodec.schema import TYPE_URL_PREFIX, classes_in, full_name
from envoycodec.upb import decode_upb, parse_json, to_json_dict, upb_class
from envoycodec.wellknown import struct


def as_json(message: Any) -> dict[str, Any]:
    return to_json_dict(type(message), encode(message))


def test_json_names_are_the_canonical_ones() -> None:
    detection = maker(OutlierDetection)(
        consecutive_5xx=3, enforcing_consecutive_5xx=4, interval=datetime.timedelta(0, -1)
    )
    assert as_json(detection) == {"consecutive5xx": 3, "enforcingConsecutive5xx": 4, "interval": "-1s"}


def test_enums_are_written_by_name() -> None:
    assert parse_json("envoy.config.cluster.v3.Cluster", {"lbPolicy": "MAGLEV"}) == b"\x30\x05"
    assert to_json_dict(Cluster, b"\x30\x05") == {"lbPolicy": "MAGLEV"}
    assert to_json_dict(SocketAddress, b"\x08\x01") == {"protocol": "UDP"}
    assert to_json_dict(Cluster, b"\x30\x63") == {"lbPolicy": 99}


def test_nested_any_is_written_out_and_its_type_imported() -> None:
    inner = maker(UpstreamTlsContext)(sni="a.example")
    cluster = maker(Cluster)(transport_socket=maker(TransportSocket)(name="tls", typed_config=pack(inner)))
    document = as_json(cluster)
    assert document == {
        "transportSocket": {
            "name": "tls",
            "typedConfig": {"@type": type_url(UpstreamTlsContext), "sni": "a.example"},
        }
    }
    assert type(document["transportSocket"]["typedConfig"]) is dict
    assert parse_json(type_url(Cluster), document) == encode(cluster)


@given(st.permutations([f"key{n}" for n in range(5)]))
def test_entries_of_maps_and_of_structs_are_by_key_and_fields_by_number(keys: list[str]) -> None:
    """Wherever they stand: in a message, in an Any, in one another."""
    free = {key: {other: [{key: 1, "": 2}] for other in reversed(keys)} for key in keys}
    log = {"@type": f"{TYPE_URL_PREFIX}envoy.extensions.access_loggers.file.v3.FileAccessLog"}
    document = {
        "metadata": {"typedFilterMetadata": {key: {**log, "logFormat": {"jsonFormat": free}} for key in keys}},
        "name": "c",
        "typedExtensionProtocolOptions": {
            key: {"@type": f"{TYPE_URL_PREFIX}google.protobuf.Struct", "value": free} for key in keys
        },
    }
    shown = to_json_dict(Cluster, parse_json(Cluster, document))
    assert shown == document
    assert list(shown) == ["name", "metadata", "typedExtensionProtocolOptions"]
    del shown["name"]
    assert json.dumps(list(shown.values())) == json.dumps(list(shown.values()), sort_keys=True)


def test_any_of_a_type_from_a_package_not_yet_imported() -> None:
    url = "type.googleapis.com/envoy.extensions.filters.http.csrf.v3.CsrfPolicy"
    extension = maker(TypedExtensionConfig)(name="x", typed_config=maker(AnyMessage)(type_url=url))
    assert as_json(extension) == {"name": "x", "typedConfig": {"@type": url}}


def test_metadata_is_written_as_plain_json() -> None:
    content: dict[str, Any] = {"a": None, "b": [1, "x", {"c": True}], "d": 1.5}
    metadata = maker(Metadata)(filter_metadata={"istio": struct(content)})
    assert as_json(metadata) == {"filterMetadata": {"istio": content}}


def test_an_unknown_type_inside_any_is_refused() -> None:
    extension = maker(TypedExtensionConfig)(typed_config=maker(AnyMessage)(type_url="type.googleapis.com/foo.Bar"))
    with pytest.raises(ValueError, match=r"foo\.Bar"):
        as_json(extension)


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown message type foo\.Bar"):
        to_json_dict("type.googleapis.com/foo.Bar", b"")


@pytest.mark.parametrize(
    "content",
    [
        {"nmae": "x"},
        {"name": 5},
        {"lbPolicy": "NOPE"},
        {"connectTimeout": "5"},
        {"transportSocket": {"typedConfig": {"@type": "type.googleapis.com/foo.Bar"}}},
        {"transportSocket": {"typedConfig": {"sni": "a"}}},
        {"healthChecks": "x"},
        {"circuitBreakers": "x"},
        {"perConnectionBufferLimitBytes": 2**32},
    ],
)
def test_json_that_does_not_fit_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"envoy\.config\.cluster\.v3\.Cluster"):
        parse_json(type_url(Cluster), content)


def test_both_spellings_of_names_are_read() -> None:
    name = full_name(OutlierDetection)
    assert parse_json(name, {"consecutive5xx": 3}) == parse_json(name, {"consecutive_5xx": 3}) == b"\x0a\x02\x08\x03"


def test_json_is_read_without_changing_it() -> None:
    config = {"@type": type_url(UpstreamTlsContext), "sni": "a"}
    content = MappingProxyType({"name": "x", "typedConfig": MappingProxyType(config)})
    assert b"sni" not in parse_json(full_name(TypedExtensionConfig), content)
    assert list(config) == ["@type", "sni"]


def test_json_with_maps_inside_any_is_encoded_alike_each_time() -> None:
    filters = {f"key-{index:02}": {"v": index} for index in range(20)}
    config = {"@type": type_url(Metadata), "filterMetadata": filters}
    reverse = {"@type": type_url(Metadata), "filterMetadata": dict(reversed(filters.items()))}
    name = full_name(TypedExtensionConfig)
    assert parse_json(name, {"typedConfig": config}) == parse_json(name, {"typedConfig": reverse})
    assert parse_json("google.protobuf.Any", config) == parse_json("google.protobuf.Any", reverse)


@pytest.mark.parametrize("data", [b"\x0a\x10abc", b"\x0a\x01a\x80", b"\x0a\x01\xff", b"\x0a", b"\x00\x00"])
def test_malformed_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="Cluster"):
        decode_upb(Cluster, data)
    with pytest.raises(ValueError, match="Cluster"):
        to_json_dict(Cluster, data)


def test_unknown_fields_survive_decoding() -> None:
    data = b"\x0a\x01n\xa2\x3f\x01x"
    assert decode_upb(Cluster, data).SerializeToString() == data


@pytest.mark.parametrize(
    "package",
    ["envoy.config.core.v3", "envoy.config.bootstrap.v3", "envoy.admin.v3", "google.protobuf", "xds.type.matcher.v3"],
)
def test_every_message_of_a_package_can_be_derived(package: str) -> None:
    for cls in classes_in(package):
        assert upb_class(cls).DESCRIPTOR.full_name == full_name(cls)


def test_optional_scalars_have_presence() -> None:
    fields = upb_class(HttpConnectionManagerTracing).DESCRIPTOR.fields_by_name
    assert fields["client_sampling"].has_presence
    assert not upb_class(RouteConfiguration).DESCRIPTOR.fields_by_name["name"].has_presence
