"""An Envoy that connects is an endpoint, as an endpoint change alone, and is none after it left."""

from __future__ import annotations

import time

from tests.e2e.harness.client import names
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import service, write
from tests.e2e.harness.mesh import Mesh
from tests.e2e.harness.variants import both_variants, every_envoy

URL = "http://reviews:9080/"
CLUSTER = "outbound|9080||reviews.default.svc.cluster.local"
OTHERS = ("cluster_manager.cds", "listener_manager.lds")


@every_envoy
@both_variants
def test_a_new_instance_takes_traffic_at_once_and_none_after_it_left(mesh: Mesh) -> None:
    mesh.write("services.yaml", write(service("reviews")))
    mesh.serve()
    mesh.workload("reviews-1", {"app": "reviews"})
    client = mesh.client()
    client.sidecar.wait_for_endpoint(CLUSTER, 1)
    eventually(lambda: client.call(URL).status == 200)
    updates = {kind: client.sidecar.stat(f"{kind}.update_success") for kind in OTHERS}

    second = mesh.workload("reviews-2", {"app": "reviews"}, ready=False)
    eventually(lambda: second.sidecar.stat("control_plane.connected_state") == 1, 10)
    connected = time.monotonic()
    eventually(lambda: client.call(URL).name == "reviews-2", 10)
    assert time.monotonic() - connected < 1.0
    after = {kind: client.sidecar.stat(f"{kind}.update_success") for kind in updates}
    assert after == updates, "a new instance is an endpoint change alone"

    second.sidecar.stop()
    eventually(lambda: len(client.sidecar.endpoints(CLUSTER)) == 1, 10)
    assert set(names(client.call(URL) for _ in range(20))) == {"reviews-1"}
