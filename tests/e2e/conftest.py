"""Fixtures for tests with real Envoys. Everything under tests/e2e is marked ``e2e``."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e.harness.addresses import Addresses, own_addresses
from tests.e2e.harness.envoy_versions import VERSIONS, envoy_binary
from tests.e2e.harness.kept import CONSOLE, find_leaks
from tests.e2e.harness.mesh import Mesh
from tests.e2e.namespaces.pod_mesh import PodMesh

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def kept() -> Iterator[list[Path]]:
    """The directories of all tests of this run. At its end no file in them shows a key or a token."""
    directories: list[Path] = []
    yield directories
    leaks = find_leaks(directories)
    assert not leaks, "keys or tokens where nobody may see them:\n" + "\n".join(leaks)


@pytest.fixture(autouse=True)
def _kept_for_the_end(kept: list[Path], tmp_path: Path) -> None:
    kept.append(tmp_path)


def _keep_console(item: pytest.Item, report: pytest.TestReport) -> None:
    """What the test printed and logged, beside what its processes wrote."""
    directory = getattr(item, "funcargs", {}).get("tmp_path")
    if directory is not None and report.when == "teardown" and report.sections:
        with (directory / CONSOLE).open("a") as console:
            console.writelines(text for title, text in report.sections if title.startswith("Captured"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the logs of control plane and Envoys with a failure; keep what a test printed."""
    report = yield
    _keep_console(item, report)
    for name, mesh in getattr(item, "funcargs", {}).items():
        if report.failed and isinstance(mesh, Mesh | PodMesh):
            report.sections.append((name, mesh.report()))
    return report


@pytest.fixture
def addresses() -> Addresses:
    """Loopback addresses and ports of this process's own."""
    return own_addresses()


@pytest.fixture
def envoy(request: pytest.FixtureRequest) -> Path:
    """The newest Envoy; for a test marked with `every_envoy` each supported version in turn."""
    return envoy_binary(getattr(request, "param", VERSIONS[-1]))


@pytest.fixture
def delta(request: pytest.FixtureRequest) -> bool:
    """Incremental xDS; for a test marked with `both_variants` state-of-the-world as well."""
    return bool(getattr(request, "param", True))


@pytest.fixture
def mesh(tmp_path: Path, addresses: Addresses, envoy: Path, delta: bool) -> Iterator[Mesh]:
    """An empty mesh. Write configuration, `serve`, then start workloads and gateways."""
    with Mesh(tmp_path, addresses, envoy, delta=delta) as started:
        yield started
