from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envoycodec.encode import encode
from envoycodec.schema import Field, class_named, classes_in, full_name
from envoycodec.upb import decode_upb, parse_json, to_json_dict, upb_class
from tests.envoycodec.random_messages import messages
from tests.oracle.conftest import Oracle
from tests.oracle.examples import examples

pytestmark = pytest.mark.oracle

PACKAGES = [
    "envoy.config.accesslog.v3",
    "envoy.config.bootstrap.v3",
    "envoy.config.cluster.v3",
    "envoy.config.core.v3",
    "envoy.config.endpoint.v3",
    "envoy.config.listener.v3",
    "envoy.config.rbac.v3",
    "envoy.config.route.v3",
    "envoy.config.trace.v3",
    "envoy.extensions.access_loggers.file.v3",
    "envoy.extensions.filters.http.cors.v3",
    "envoy.extensions.filters.http.ext_authz.v3",
    "envoy.extensions.filters.http.fault.v3",
    "envoy.extensions.filters.http.jwt_authn.v3",
    "envoy.extensions.filters.http.local_ratelimit.v3",
    "envoy.extensions.filters.http.lua.v3",
    "envoy.extensions.filters.http.rbac.v3",
    "envoy.extensions.filters.http.router.v3",
    "envoy.extensions.filters.network.http_connection_manager.v3",
    "envoy.extensions.filters.network.rbac.v3",
    "envoy.extensions.filters.network.tcp_proxy.v3",
    "envoy.extensions.transport_sockets.tls.v3",
    "envoy.extensions.upstreams.http.v3",
    "envoy.service.discovery.v3",
    "envoy.type.matcher.v3",
    "envoy.type.v3",
]

RANDOM = [
    "envoy.config.cluster.v3.Cluster",
    "envoy.config.endpoint.v3.ClusterLoadAssignment",
    "envoy.config.listener.v3.Listener",
    "envoy.config.rbac.v3.RBAC",
    "envoy.config.route.v3.RouteConfiguration",
    "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
    "envoy.service.discovery.v3.DeltaDiscoveryRequest",
]

# envoy-data-plane follows a later Envoy than the oracle does.
CHANGED_SINCE = {"envoy.config.endpoint.v3.LbEndpointCollection.entries"}

# A random Any has no type, and a google.protobuf.Value without a kind has no JSON.
OPEN = {"google.protobuf.Any", "google.protobuf.Value", "google.protobuf.Struct"}


@pytest.mark.parametrize("message", examples(), ids=lambda message: type(message).__name__)
def test_the_oracle_reads_our_bytes_as_we_meant_them(oracle: Oracle, message: Any) -> None:
    name, data = full_name(type(message)), encode(message)
    document, written = oracle.read(name, data)
    assert document == to_json_dict(name, data)
    assert len(written) == len(data)
    assert decode_upb(type(message), written) == decode_upb(type(message), data)
    assert oracle.read(name, parse_json(name, document)) == (document, written)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_schema_is_that_of_the_oracle(oracle: Oracle, package: str) -> None:
    compared = 0
    for cls in classes_in(package):
        expected = oracle.schema(full_name(cls)) or {}
        for field in upb_class(cls).DESCRIPTOR.fields:
            if field.number not in expected or field.full_name in CHANGED_SINCE:
                continue
            found, wanted = described(field), dict(expected[field.number])
            values, wanted_values = found.pop("enum"), wanted.pop("enum")
            assert found == wanted
            assert (values or {}).items() >= (wanted_values or {}).items()
            compared += 1
    assert compared > 0


def described(field: Any) -> dict[str, Any]:
    oneof = field.containing_oneof
    is_map = bool(field.message_type and field.message_type.GetOptions().map_entry)
    values = {value.name: value.number for value in field.enum_type.values} if field.enum_type else None
    return {
        "name": field.name,
        "json_name": field.json_name,
        "number": field.number,
        "type": field.type,
        "repeated": field.is_repeated,
        "packed": field.is_packed,
        "presence": field.has_presence,
        "oneof": oneof.name if oneof else None,
        "message": field.message_type.full_name if field.message_type else None,
        "map": is_map,
        "enum": values,
    }


@pytest.mark.parametrize("name", RANDOM)
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_random_messages_are_the_same_to_the_oracle(oracle: Oracle, name: str, data: st.DataObject) -> None:
    cls: Any = class_named(name)
    message = data.draw(messages(cls, keep=lambda cls, field: is_comparable(oracle, cls, field)))
    encoded = encode(message)
    document, written = oracle.read(name, encoded)
    assert document == to_json_dict(cls, encoded)
    assert written == decode_upb(cls, encoded).SerializeToString(deterministic=True)
    assert len(written) == len(encoded)


def is_comparable(oracle: Oracle, cls: type, field: Field) -> bool:
    """Whether the oracle knows the field with all its values, and it has JSON whatever its value."""
    expected = (oracle.schema(full_name(cls)) or {}).get(field.number)
    if expected is None or f"{full_name(cls)}.{field.name}" in CHANGED_SINCE:
        return False
    kind_cls: Any = field.kind.cls
    if field.kind.name == "enum" and field.key is None:
        return {member.value for member in kind_cls} == set(expected["enum"].values())
    return field.kind.name != "message" or field.kind.wrapper is not None or full_name(kind_cls) not in OPEN


def test_the_oracle_is_asked(oracle: Oracle) -> None:
    document, written = oracle.read("envoy.config.cluster.v3.Cluster", b"\x30\x05\x0a\x01n")
    assert document == {"name": "n", "lbPolicy": "MAGLEV"}
    assert written == b"\x0a\x01n\x30\x05"
    assert oracle.schema("envoy.config.cluster.v3.NoSuch") is None
