"""Fixtures for tests with real Envoys. Everything under tests/e2e is marked ``e2e``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness.addresses import Addresses, own_addresses
from tests.e2e.harness.envoy_versions import VERSIONS, envoy_binary
from tests.e2e.harness.mesh import Mesh
from tests.e2e.namespaces.pod_mesh import PodMesh

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show the logs of control plane and Envoys with a failure."""
    report = yield
    for name, mesh in getattr(item, "funcargs", {}).items():
        if report.failed and isinstance(mesh, Mesh | PodMesh):  # type: ignore[attr-defined]
            report.sections.append((name, mesh.report()))  # type: ignore[attr-defined]
    return report  # type: ignore[return-value]


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
