"""The measured mesh is what it says: accepted whole, with the endpoints and rules that it promises."""

from pathlib import Path

from bench.configuration import ROUTE_NAMES, Files, Mesh, write_files
from galley.kinds.networking.destination_rule import DestinationRule
from galley.kinds.networking.virtual_service import VirtualService
from galley.publishing.loading import LoadedUnit, load_unit
from galley.snapshot import build_snapshot
from galley.sources import Unit
from pilot.registry.build import build_catalog


def load(files: Files) -> list[LoadedUnit]:
    return [load_unit(Unit.of(path, text.encode())) for path, text in files.items()]


def test_every_file_is_accepted_without_a_word() -> None:
    mesh = Mesh(40)
    for files in (mesh.files(), mesh.rule_edit(1), mesh.endpoint_edit(1)):
        assert [str(d) for file in load(files) for d in file.diagnostics] == []


def test_services_endpoints_and_rules_are_as_many_as_promised() -> None:
    config, _ = build_snapshot(resource for file in load(Mesh(40, endpoints=6).files()) for resource in file.resources)
    catalog = build_catalog(config, ())
    assert len(catalog.services) == 40
    assert all(len(catalog.endpoints_of(s.key, port.name)) == 6 for s in catalog.services.values() for port in s.ports)
    assert len(config.of(DestinationRule)) == 4
    assert len(config.of(VirtualService)) == 8
    http = {str(p.number) for s in catalog.services.values() for p in s.ports if p.name != "tcp"}
    assert http == set(ROUTE_NAMES)


def test_every_replica_is_an_endpoint() -> None:
    mesh = Mesh(10, endpoints=3)
    config, _ = build_snapshot(resource for file in load(mesh.files()) for resource in file.resources)
    catalog = build_catalog(config, ())
    assert all(mesh.workload(replica).address in catalog.by_address for replica in range(30))


def test_an_edit_replaces_a_file_and_each_edition_differs(tmp_path: Path) -> None:
    mesh = Mesh(10)
    write_files(tmp_path, mesh.files())
    before = {path: path.read_text() for path in tmp_path.rglob("*.yaml")}
    for edit in (mesh.rule_edit, mesh.endpoint_edit):
        assert edit(1) != edit(2)
        write_files(tmp_path, edit(1))
    after = {path: path.read_text() for path in tmp_path.rglob("*.yaml")}
    assert before.keys() == after.keys()
    assert sum(before[path] != after[path] for path in before) == 2
