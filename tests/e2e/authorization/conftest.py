"""Fixtures for the tests of authorization: a control plane that gives everybody a certificate, and a shop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.authorization.harness import write_shop
from tests.e2e.harness.issuing import IssuingControlPlane
from tests.e2e.harness.mesh import Mesh, Workload


@pytest.fixture
def plane(mesh: Mesh) -> Iterator[IssuingControlPlane]:
    """The control plane of ``mesh``, which certifies every node."""
    made = IssuingControlPlane(mesh.home, host=mesh.addresses.host())
    mesh.control_plane = made  # type: ignore[assignment]
    yield made
    made.stop()


@pytest.fixture
def shop(mesh: Mesh, plane: IssuingControlPlane) -> Workload:
    """An HTTP workload without policies."""
    write_shop(mesh)
    mesh.write("policies.yaml", "")
    mesh.serve()
    return mesh.workload("shop", {"app": "shop"}, service_account="shop")
