"""What only shows across resources, as a whole."""

from __future__ import annotations

from tests.galley.references.cases import a_resource, diagnose, short


def test_a_second_mesh_config_has_no_effect() -> None:
    head = "apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nmetadata: {name: NAME}\naccessLogFile: /dev/stdout\n"
    assert short(head.replace("NAME", "a"), head.replace("NAME", "b")) == ["1.yaml several-meshes kind"]


def test_diagnostics_come_by_file_and_line() -> None:
    rules = [a_resource("DestinationRule", f"host: lost{number}", name=f"r{number}") for number in range(3)]
    both = "---\n".join(rules[1:])
    diagnostics = diagnose(both, rules[0])
    assert [(one.origin.file, one.origin.line) for one in diagnostics] == [("0.yaml", 7), ("0.yaml", 15), ("1.yaml", 7)]
