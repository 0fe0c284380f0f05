"""What leaves the mesh: nothing unknown under REGISTRY_ONLY, and what a ServiceEntry opens."""

from __future__ import annotations

from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import istio, mesh_config, service, write
from tests.e2e.harness.mesh import Mesh
from tests.e2e.harness.upstreams import HttpEcho

URL = "http://outside.example/"


def test_registry_only_blocks_and_a_service_entry_opens(mesh: Mesh) -> None:
    mesh.write("mesh.yaml", write(mesh_config(outboundTrafficPolicy={"mode": "REGISTRY_ONLY"})))
    mesh.write("services.yaml", write(service("inside")))
    mesh.serve()
    with HttpEcho("outside", mesh.addresses.host(), 8000) as outside:
        client = mesh.client()
        assert eventually(lambda: client.call(URL), 10).status == 502
        entry = istio(
            "ServiceEntry",
            "outside",
            {
                "hosts": ["outside.example"],
                "location": "MESH_EXTERNAL",
                "resolution": "STATIC",
                "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
                "endpoints": [{"address": outside.host, "ports": {"http": outside.port}}],
            },
        )
        mesh.write("outside.yaml", write(entry))
        eventually(lambda: client.call(URL).name == "outside", 10, what="the way out")
        mesh.control_plane.remove("outside.yaml")
        eventually(lambda: client.call(URL).status == 502, 10, what="the way out closed")
