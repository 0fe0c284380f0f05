"""YAML and a node in, plans and what Envoys are served out; and all of that is a configuration that real Envoys accept.

``pytest --update-golden`` rewrites what is expected; review the difference as code. ``cases.py`` says what a case is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from pilot.ir.plan_yaml import plan_yaml
from pilot.xds.resources import LISTS
from tests.certificates import write_key_pair
from tests.e2e.harness.envoy_versions import VERSIONS, envoy_binary
from tests.envoy_validate import RefusedByEnvoyError, build_bootstrap, to_json, validate_bootstrap
from tests.golden.cases import PARTS, Case, name_of, read_cases, read_key

CASES = {case.name: case for case in read_cases()}
CERTIFICATES = "/etc/certs/"
"""Where the cases say that certificates are; validation reads them, so it gets real ones."""


def assert_expected(file: Path, text: str, *, update: bool) -> None:
    """``text`` is what ``file`` says; or, with ``update``, will be."""
    if update:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == (file.read_text() if file.exists() else ""), f"{file} is not what comes out (--update-golden)"


@pytest.mark.parametrize("name", CASES)
def test_what_is_served(name: str, update_golden: bool) -> None:
    case = CASES[name]
    served = yaml.safe_dump(case.shown(), sort_keys=False, width=120, allow_unicode=True)
    assert_expected(case.expected / "envoy.yaml", served, update=update_golden)


@pytest.mark.parametrize("name", CASES)
def test_what_is_planned(name: str, update_golden: bool) -> None:
    case = CASES[name]
    assert_expected(case.expected / "plan.yaml", plan_yaml(case.planned()), update=update_golden)


@pytest.mark.parametrize("name", CASES)
def test_a_case_shows_what_it_names(name: str) -> None:
    case = CASES[name]
    shown = case.shown()
    for kind, names in case.shows.items():
        assert shown[kind], f"{name} shows no {kind}"
        if names is None:
            continue
        found = {name_of(resource): resource for resource in shown[kind]}
        assert found.keys() == names.keys()
        for resource, parts in names.items():
            assert not parts or {part["name"] for part in found[resource][PARTS[kind]]} == set(parts)


@pytest.mark.parametrize("name", CASES)
def test_a_case_shows_what_its_documents_do(name: str) -> None:
    """Whatever is in the configuration of a case changes what the case shows, or is there to change nothing."""
    case = CASES[name]
    shown = case.shown()
    idle = {read_key(document) for document in case.documents if case.without(document).shown() == shown}
    assert idle == case.without_effect


def test_every_folder_is_a_case() -> None:
    folders = {
        f"{file.parent.parent.name}/{file.parent.name}" for file in Path(__file__).parent.glob("*/*/config.yaml")
    }
    assert folders == set(CASES)
    assert len(CASES) > 50


@pytest.mark.e2e
@pytest.mark.parametrize("version", VERSIONS)
def test_every_golden_output_is_accepted_by_envoy(version: str, tmp_path: Path) -> None:
    """All resources of all cases at once; of each alone, to say which, when they are not."""
    for name in ("shop", "admin", "clients"):
        write_key_pair(tmp_path, name)
    binary = envoy_binary(version)
    cases = list(CASES.values())
    try:
        validate_cases(cases, binary, tmp_path)
    except RefusedByEnvoyError:
        for case in cases:
            try:
                validate_cases([case], binary, tmp_path)
            except RefusedByEnvoyError as refusal:
                raise AssertionError(f"Envoy {version} refuses {case.name}") from refusal
        raise


def validate_cases(cases: Sequence[Case], binary: Path, certificates: Path) -> None:
    """All that the proxies of these cases are served is accepted. Raises RefusedByEnvoyError."""
    snapshots = [case.snapshot() for case in cases]
    resources = [
        to_json(resource) for snapshot in snapshots for type_url in LISTS.values() for resource in snapshot.of(type_url)
    ]
    bootstrap = json.dumps(build_bootstrap(resources)).replace(CERTIFICATES, f"{certificates}/")
    validate_bootstrap(json.loads(bootstrap), envoy=binary)
