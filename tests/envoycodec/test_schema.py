from __future__ import annotations

from typing import Any

import pytest
from envoy_data_plane.envoy.config.cluster.v3 import Cluster, ClusterEdsClusterConfig
from envoy_data_plane.message_pool import default_message_pool

from envoycodec.schema import class_named, classes_in, fields_of, full_name, package_of

PACKAGES = [
    "envoy.config.core.v3",
    "envoy.config.listener.v3",
    "envoy.config.route.v3",
    "envoy.extensions.filters.network.http_connection_manager.v3",
    "google.protobuf",
]


@pytest.mark.parametrize("package", PACKAGES)
def test_fields_agree_with_what_betterproto2_derives(package: str) -> None:
    for cls in classes_in(package):
        reference: Any = cls._betterproto  # type: ignore[attr-defined]
        assert tuple(field.name for field in fields_of(cls)) == reference.sorted_field_names
        for field in fields_of(cls):
            meta = reference.meta_by_field_name[field.name]
            value = meta.map_meta[1] if meta.map_meta else meta
            assert field.number == meta.number
            assert field.kind.name == value.proto_type
            assert field.presence == bool(meta.optional or meta.group)
            if field.kind.cls is not None:
                resolved = reference.cls_by_field[f"{field.name}.value" if field.key else field.name]
                assert field.kind.cls is resolved


def test_names() -> None:
    assert full_name(ClusterEdsClusterConfig) == "envoy.config.cluster.v3.Cluster.EdsClusterConfig"
    assert package_of(ClusterEdsClusterConfig) == "envoy.config.cluster.v3"
    assert class_named("envoy.config.cluster.v3.Cluster.EdsClusterConfig") is ClusterEdsClusterConfig


def test_a_class_is_found_by_importing_its_package() -> None:
    name = "envoy.extensions.filters.http.buffer.v3.Buffer"
    cls = class_named(name)
    assert default_message_pool.type_to_url[cls] == f"type.googleapis.com/{name}"


@pytest.mark.parametrize(
    "name", ["", ".", "envoy", "Cluster", "envoy..v3.X", "envoy.config.cluster.v3.Clutser", "a.b.C"]
)
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(KeyError):
        class_named(name)


def test_map_fields_carry_the_kind_of_their_values() -> None:
    field = next(field for field in fields_of(Cluster) if field.name == "typed_extension_protocol_options")
    assert field.key is not None
    assert field.key.name == "string"
    assert field.kind.cls is class_named("google.protobuf.Any")
