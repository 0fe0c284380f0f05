"""Each stage of the control plane fails in turn, under traffic: nothing ends, it is told, and heals by itself."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import service, write
from tests.e2e.harness.identity import Identity
from tests.e2e.harness.mesh import Mesh
from tests.e2e.test_edits import calls, is_answered_by, rule, start

STAGES = (
    "source",
    "publish",
    "load-reviews.yaml",
    "references",
    "journal",
    "configure",
    "rebuild",
    "generate",
    "reports",
)
DEGRADED = {"load-reviews.yaml": ""}
"""The stage that is told as failing; "" for a file, which is told as one."""


def degraded(mesh: Mesh) -> set[str]:
    return {one["stage"] for one in mesh.control_plane.get("/debug/stagez").json["degraded"]}


@pytest.fixture
def failpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in this directory makes the stage of its name fail, as long as it is there."""
    directory = tmp_path / "failpoints"
    directory.mkdir()
    monkeypatch.setenv("PILOT_FAILPOINTS", str(directory))
    return directory


def test_a_stage_that_fails_takes_nothing_with_it(mesh: Mesh, failpoints: Path) -> None:
    client = start(mesh)
    version = "v1"
    with calls(client) as traffic:
        for stage in STAGES:
            version = "v2" if version == "v1" else "v1"
            (failpoints / stage).touch()
            mesh.write("reviews.yaml", rule(version))
            if told := DEGRADED.get(stage, stage):
                eventually(lambda told=told: told in degraded(mesh), what=f"{stage} told as failing")  # type: ignore[misc]
            else:
                eventually(lambda: mesh.control_plane.get("/debug/reportz").json["held"], what="the file held")
            assert mesh.control_plane.get("/readyz").status == 200
            (failpoints / stage).unlink()
            eventually(partial(is_answered_by, client, f"reviews-{version}"), 30, what=f"healing of {stage}")
            eventually(lambda: not degraded(mesh), 30, what=f"{stage} well again")
    assert traffic.failures == []
    assert mesh.control_plane.exit_status is None


def test_registrations_wait_in_memory_while_the_state_cannot_be_written(mesh: Mesh, failpoints: Path) -> None:
    client = start(mesh)
    (failpoints / "registrations").touch()
    with calls(client) as traffic:
        mesh.workload("reviews-v3", {"app": "reviews", "version": "v3"})
        client.sidecar.wait_for_endpoint("outbound|9080||reviews.default.svc.cluster.local", 3)
        eventually(lambda: "registrations" in degraded(mesh))
        (failpoints / "registrations").unlink()
        eventually(lambda: not degraded(mesh), 30)
    assert "reviews-v3" in (mesh.control_plane.state / "registrations.json").read_text()
    assert traffic.failures == []


def test_identities_that_cannot_be_renewed_for_a_while(mesh: Mesh, failpoints: Path) -> None:
    identity = Identity(mesh)
    (failpoints / "identities").write_text("2")
    mesh.write("nothing.yaml", write())
    identity.serve()
    eventually(lambda: mesh.control_plane.get("/debug/stagez").json["failures"].get("identities") == 2, 30)
    eventually(lambda: not degraded(mesh), 30)
    assert mesh.control_plane.exit_status is None


@pytest.mark.parametrize("stage", ["publish", "source", "configure", "rebuild"])
def test_told_to_stop_it_ends_whatever_it_is_at(mesh: Mesh, failpoints: Path, stage: str) -> None:
    mesh.write("services.yaml", write(service("reviews")))
    mesh.serve()
    (failpoints / stage).write_text("wait 600")
    mesh.write("services.yaml", write(service("ratings")))
    eventually(lambda: f"the failpoint {stage} waits" in mesh.control_plane.log())
    mesh.control_plane.terminate()
    assert mesh.control_plane.wait_exit(30) == 0
