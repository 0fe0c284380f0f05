"""MeshConfig inside the ConfigMap where Istio keeps it."""

from __future__ import annotations

import pytest

from galley.decoding.documents import decode_file
from galley.kinds.mesh_config import MeshConfig
from tests.galley.documents import accepted, the_diagnostic

CONFIG_MAP = """apiVersion: v1
kind: ConfigMap
metadata:
  name: istio
  namespace: istio-system
data:
  mesh: |-
    accessLogFile: /dev/stdout
    defaultConfig:
      gatewayTopology: {numTrustedProxies: 2}
"""


def test_the_text_under_mesh_is_read() -> None:
    resource = accepted(CONFIG_MAP)
    assert str(resource.key) == "MeshConfig /default"
    assert isinstance(resource.spec, MeshConfig)
    assert resource.spec.access_log_file == "/dev/stdout"
    assert resource.spec.default_config.gateway_topology is not None
    assert resource.spec.default_config.gateway_topology.num_trusted_proxies == 2


def test_errors_stand_at_their_lines_of_the_file() -> None:
    error = the_diagnostic(CONFIG_MAP.replace("accessLogFile", "acessLogFile"))
    assert (error.code, error.origin.line, error.origin.column) == ("unknown-field", 8, 5)
    error = the_diagnostic(CONFIG_MAP.replace("{numTrustedProxies: 2}", "[a: b"))
    assert error.code == "yaml-syntax"
    assert error.origin.line in (10, 11)
    error = the_diagnostic(CONFIG_MAP.replace("{numTrustedProxies: 2}", "{<<: *x}"))
    assert (error.code, error.origin.line) == ("unknown-alias", 10)


@pytest.mark.parametrize(
    "text",
    [
        CONFIG_MAP.replace("name: istio", "name: other"),
        CONFIG_MAP.replace("mesh:", "other:"),
        "{apiVersion: v1, kind: ConfigMap}",
    ],
)
def test_other_config_maps_are_passed_over(text: str) -> None:
    resources, diagnostics = decode_file(text.encode(), "a.yaml")
    assert resources == ()
    assert [one.code for one in diagnostics] == ["ignored-kind"]


def test_an_empty_text_is_istios_defaults() -> None:
    text = "{apiVersion: v1, kind: ConfigMap, metadata: {name: istio}, data: {mesh: ''}}"
    assert accepted(text).spec == MeshConfig()


def test_a_text_in_quotes_is_read_too() -> None:
    text = '{apiVersion: v1, kind: ConfigMap, metadata: {name: istio}, data: {mesh: "rootNamespace: a\\nfoo: 1"}}'
    error = the_diagnostic(text)
    assert (error.code, error.origin.line) == ("unknown-field", 1)
    assert accepted(text.replace("\\nfoo: 1", "")).spec.root_namespace == "a"
