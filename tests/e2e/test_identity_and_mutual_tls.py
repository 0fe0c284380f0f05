"""The whole: tokens, identities, certificates that change every few seconds, and mutual TLS between applications."""

from __future__ import annotations

from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import service, write
from tests.e2e.harness.identity import Identity, serial_number, trusted_roots
from tests.e2e.harness.mesh import PROXY_PORT, Mesh, Workload
from tests.e2e.harness.traffic import Traffic
from tests.e2e.test_mutual_tls import CLIENT, SHOP, caller, plain, policy

URL = "http://shop:9080/"


ENOUGH = 20
"""Rotations under traffic."""


def start(mesh: Mesh, ttl: str) -> tuple[Identity, Workload, Workload]:
    mesh.write("shop.yaml", write(service("shop"), policy("STRICT", namespace="istio-system")))
    identity = Identity(mesh)
    identity.serve("--certificate-ttl", ttl)
    shop = mesh.workload("shop", {"app": "shop"}, service_account="shop", xds_tls=identity.tls(identity.token("shop")))
    client = mesh.client(service_account="client", xds_tls=identity.tls(identity.token("client")))
    told = caller(eventually(lambda: found if (found := client.call(URL)).status == 200 else None, 15))
    assert CLIENT in told
    assert SHOP in told
    assert plain(shop) == 0
    return identity, shop, client


def test_a_strict_mesh_under_constant_renewal(mesh: Mesh) -> None:
    _, shop, client = start(mesh, "3s")
    seen: set[str] = set()
    with Traffic((client.host, PROXY_PORT), URL) as traffic:
        eventually(lambda: seen.add(serial_number(shop.sidecar)) or len(seen) > ENOUGH, 90, what="renewals")  # type: ignore[func-returns-value]
    assert traffic.outcomes
    assert traffic.failures == []


def test_another_root_takes_over_a_strict_mesh(mesh: Mesh) -> None:
    identity, shop, client = start(mesh, "5s")
    before = identity.roots
    with Traffic((client.host, PROXY_PORT), URL) as traffic:
        identity.replace_root("5s")
        after = identity.roots
        assert after.count("BEGIN CERTIFICATE") == 1
        assert after != before
        for each in (shop, client):
            eventually(lambda each=each: trusted_roots(each.sidecar) == 1, 10, what="the new root alone")  # type: ignore[misc]
        held = serial_number(shop.sidecar)
        eventually(lambda: serial_number(shop.sidecar) != held, 15, what="another renewal")
    assert traffic.outcomes
    assert traffic.failures == []
