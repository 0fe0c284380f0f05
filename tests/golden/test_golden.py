"""YAML and a node in, Envoy's JSON out; and every output is a configuration that real Envoys accept.

A case is a folder: ``config/`` as a user writes it, ``proxy.yaml`` (an xDS node), ``expected/*.json``. In those whose
names begin with ``mutual-tls`` the mesh issues identities.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from galley.publishing.validate import validate
from galley.sources.directory import read_paths
from pilot.envoy.resource_json import snapshot_as_json
from pilot.offline import read_node_file, snapshot_for
from pilot.xds.resources import LISTS, ResourceSnapshot
from tests.certificates import write_key_pair
from tests.e2e.harness.envoy_versions import VERSIONS, envoy_binary
from tests.envoy_validate import build_bootstrap, to_json, validate_bootstrap

HERE = Path(__file__).parent
CASES = sorted(path.parent.name for path in HERE.glob("*/proxy.yaml"))
CERTIFICATES = "/etc/certs/"
"""Where the cases say that a gateway's certificates are; validation reads them, so it gets real ones."""


def generate(case: str) -> ResourceSnapshot:
    """What the proxy of a case is served. The configuration of a case has no errors."""
    state = read_paths([str(HERE / case / "config")])
    mtls = case.startswith("mutual-tls")
    validation = validate({path: file.content for path, file in state.files.items()}, identities=mtls)
    assert [one for one in validation.diagnostics if one.is_error] == []
    return snapshot_for(validation, read_node_file(str(HERE / case / "proxy.yaml")), mtls=mtls)


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, request: pytest.FixtureRequest) -> None:
    actual = snapshot_as_json(generate(case))
    expected = HERE / case / "expected"
    if request.config.getoption("--update-golden"):
        expected.mkdir(exist_ok=True)
        for name, resources in actual.items():
            if resources:
                (expected / f"{name}.json").write_text(json.dumps(resources, indent=2) + "\n")
            else:
                (expected / f"{name}.json").unlink(missing_ok=True)
    for name, resources in actual.items():
        file = expected / f"{name}.json"
        assert resources == (json.loads(file.read_text()) if file.exists() else []), f"{case}: {name}"


@pytest.mark.e2e
@pytest.mark.parametrize("version", VERSIONS)
def test_every_golden_output_is_accepted_by_envoy(version: str, tmp_path: Path) -> None:
    for name in ("shop", "admin", "clients"):
        write_key_pair(tmp_path, name)
    binary = envoy_binary(version)
    for case in CASES:
        snapshot = generate(case)
        resources = [to_json(resource) for type_url in LISTS.values() for resource in snapshot.of(type_url)]
        bootstrap = json.dumps(build_bootstrap(resources)).replace(CERTIFICATES, f"{tmp_path}/")
        validate_bootstrap(json.loads(bootstrap), envoy=binary)
