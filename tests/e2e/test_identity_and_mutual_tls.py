"""The whole: tokens, identities, certificates that change every few seconds, and mutual TLS between applications."""

from __future__ import annotations

from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import service, write
from tests.e2e.harness.identity import Identity, serial_number
from tests.e2e.harness.mesh import PROXY_PORT, Mesh
from tests.e2e.harness.traffic import Traffic
from tests.e2e.test_mutual_tls import CLIENT, SHOP, caller, plain, policy

URL = "http://shop:9080/"


def test_a_strict_mesh_under_constant_renewal(mesh: Mesh) -> None:
    mesh.write("shop.yaml", write(service("shop"), policy("STRICT", namespace="istio-system")))
    identity = Identity(mesh)
    identity.serve("--certificate-ttl", "3s")
    shop = mesh.workload("shop", {"app": "shop"}, service_account="shop", xds_tls=identity.tls(identity.token("shop")))
    client = mesh.client(service_account="client", xds_tls=identity.tls(identity.token("client")))
    told = caller(eventually(lambda: found if (found := client.call(URL)).status == 200 else None, 15))
    assert CLIENT in told
    assert SHOP in told
    assert plain(shop) == 0
    seen: set[str] = set()
    with Traffic((client.host, PROXY_PORT), URL) as traffic:
        eventually(lambda: seen.add(serial_number(shop.sidecar)) or len(seen) >= 6, 40, what="five renewals")  # type: ignore[func-returns-value]
    assert traffic.outcomes
    assert traffic.failures == []
