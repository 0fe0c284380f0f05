"""What Galley cannot know and an Envoy rejects leads back to the line of the YAML, and heals with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.certificates import write_key_pair
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import service, write
from tests.e2e.harness.mesh import Mesh
from tests.e2e.harness.variants import both_variants

RULE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ratings}
spec:
  host: ratings
  trafficPolicy:
    tls:
      mode: SIMPLE
      caCertificates: %s
"""


def proxy_status(mesh: Mesh, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`pilot proxy-status`, as a user runs it."""
    host, port = mesh.control_plane.admin
    command = [sys.executable, "-m", "pilot", "proxy-status", "--admin-address", f"{host}:{port}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def status(mesh: Mesh) -> dict[str, Any]:
    """The state of CDS at the only proxy."""
    (proxy,) = json.loads(proxy_status(mesh, "-o", "json").stdout)
    state: dict[str, Any] = proxy["types"]["CDS"]
    return state


@both_variants
def test_a_rejection_is_shown_with_envoys_words_and_the_line(mesh: Mesh, tmp_path: Path) -> None:
    missing = tmp_path / "missing-ca.pem"
    mesh.write("services.yaml", write(service("reviews"), service("ratings")))
    mesh.serve()
    client = mesh.client()
    eventually(lambda: status(mesh)["status"] == "SYNCED")
    rule = mesh.write("tls.yaml", RULE % missing)
    eventually(lambda: status(mesh)["status"] == "NACK")

    shown = proxy_status(mesh)
    assert shown.returncode == 0
    assert "NACK" in shown.stdout
    assert "rejected CDS outbound|9080||ratings.default.svc.cluster.local" in shown.stdout
    assert str(missing) in shown.stdout, "Envoy's own words"
    assert f"at {rule}:9:23 spec.trafficPolicy.tls.caCertificates" in shown.stdout
    assert proxy_status(mesh, "--check").returncode == 1

    rejected = client.sidecar.stat("cluster_manager.cds.update_rejected")
    mesh.write("services.yaml", write(service("reviews"), service("ratings"), service("details")))
    eventually(lambda: "outbound|9080||details.default.svc.cluster.local" in client.sidecar.clusters())
    assert client.sidecar.stat("cluster_manager.cds.update_rejected") == rejected, "it is not sent again"

    certificate, _ = write_key_pair(tmp_path, "ca")
    mesh.write("tls.yaml", RULE % certificate)
    eventually(lambda: status(mesh)["status"] == "SYNCED")
    assert proxy_status(mesh, "--check").returncode == 0
    assert "rejected" not in proxy_status(mesh).stdout


@both_variants
def test_a_name_that_is_only_quoted_is_not_refused(mesh: Mesh, tmp_path: Path) -> None:
    """The reason why one cluster is refused holds the whole name of another, which comes in the same response."""
    refused, quoted = (f"outbound|9080||{name}.default.svc.cluster.local" for name in ("ratings", "details"))
    mesh.write("services.yaml", write(service("reviews"), service("ratings"), service("details")))
    mesh.write("tls.yaml", RULE % f"'{tmp_path}/no {quoted}: x, {quoted}: y'")
    mesh.serve()
    client = mesh.client()
    eventually(lambda: status(mesh)["status"] == "NACK")
    eventually(lambda: status(mesh)["error"]["resources"] == [refused])
    assert quoted in client.sidecar.clusters()
    assert quoted in status(mesh)["error"]["message"]

    certificate, _ = write_key_pair(tmp_path, "ca")
    mesh.write("tls.yaml", RULE % certificate)
    eventually(lambda: status(mesh)["status"] == "SYNCED")
    assert refused in client.sidecar.clusters()


def test_without_a_control_plane_it_says_what_to_do(mesh: Mesh) -> None:
    asked = proxy_status(mesh)
    assert asked.returncode == 2
    assert "is pilot serve running there?" in asked.stderr
