"""Real Envoys without identity beside others that have one: what works for them, and what policies refuse."""

from __future__ import annotations

import pytest

from pilot.dataplane.bootstrap import SocketAddress
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import destination_rule, service, write
from tests.e2e.harness.identity import Identity
from tests.e2e.harness.mesh import SERVICE_PORT, Mesh, Workload
from tests.e2e.test_mutual_tls import CLIENT, caller, plain, policy

PLAINTEXT_PORT = 15011
URL = "http://shop:9080/"


@pytest.fixture
def identity(mesh: Mesh) -> Identity:
    mesh.write("shop.yaml", write(service("shop")))
    made = Identity(mesh)
    made.serve("--plaintext-address", f"{mesh.control_plane.xds[0]}:{PLAINTEXT_PORT}")
    return made


def proven(identity: Identity, name: str) -> Workload:
    tls = identity.tls(identity.token(name))
    return identity.mesh.workload(name, {"app": name}, service_account=name, xds_tls=tls)


def unproven(identity: Identity, name: str, app: str = "") -> Workload:
    """A workload whose Envoy talks to the plaintext port, whatever account it claims."""
    xds = SocketAddress(identity.mesh.control_plane.xds[0], PLAINTEXT_PORT)
    return identity.mesh.workload(name, {"app": app or name}, service_account=name, xds=xds)


def answers(client: Workload) -> int:
    return client.call(URL).status


def test_a_server_without_identity_is_reached_in_plain_text(identity: Identity) -> None:
    shop, client = unproven(identity, "shop"), proven(identity, "client")
    eventually(lambda: answers(client) == 200, 15, what="an answer in plain text")
    assert plain(shop) == 200
    assert "x-forwarded-client-cert" not in shop.http.requests[-1].headers
    status = identity.mesh.control_plane.get("/debug/syncz").json
    assert {one["name"]: one["identity"] for one in status} == {
        "shop": "",
        "client": "spiffe://cluster.local/ns/default/sa/client",
    }
    assert "shop.default~default.svc.cluster.local (delta, connection" in identity.mesh.control_plane.log()
    assert "without identity: it gets no mutual TLS" in identity.mesh.control_plane.log()


def test_strict_is_refused_by_a_server_without_identity_port_by_port(identity: Identity) -> None:
    shop, client = unproven(identity, "shop"), proven(identity, "client")
    eventually(lambda: answers(client) == 200, 15)
    identity.mesh.write("shop.yaml", write(service("shop"), policy("STRICT")))
    eventually(lambda: plain(shop) == 0, 10, what="plain text to be refused")
    # Connections from before are let finish by Envoy.
    eventually(lambda: answers(client) == 503, 10, what="no way in by mutual TLS either")
    at_port = policy(
        "STRICT",
        name="shop",
        selector={"matchLabels": {"app": "shop"}},
        portLevelMtls={SERVICE_PORT: {"mode": "PERMISSIVE"}},
    )
    identity.mesh.write("shop.yaml", write(service("shop"), at_port))
    eventually(lambda: plain(shop) == 200, 10, what="plain text to be served")


def test_a_client_without_identity_reaches_whom_plain_text_reaches(identity: Identity) -> None:
    shop, client, other = proven(identity, "shop"), unproven(identity, "client"), proven(identity, "other")
    eventually(lambda: answers(client) == 200, 15, what="an answer in plain text")
    assert caller(client.call(URL)) == ""
    rule = destination_rule("shop", trafficPolicy={"tls": {"mode": "ISTIO_MUTUAL"}})
    identity.mesh.write("shop.yaml", write(service("shop"), rule))
    eventually(lambda: answers(client) == 503, 10, what="nothing in place of mutual TLS")
    identity.mesh.write("shop.yaml", write(service("shop"), policy("STRICT")))
    eventually(lambda: plain(shop) == 0, 10, what="plain text to be refused")
    eventually(lambda: answers(client) == 503, 10, what="no way in")
    eventually(lambda: CLIENT.replace("client", "other") in caller(other.call(URL)), 10)


def test_an_unproven_account_opens_no_door(identity: Identity) -> None:
    """Clients accept the accounts of a service's workloads. A stream that has proven nothing adds none to them."""
    client = proven(identity, "client")
    proven(identity, "shop")
    thief = unproven(identity, "thief", app="shop")
    eventually(lambda: answers(client) == 200 and thief.http.count > 0, 15, what="both endpoints in use")
    (cluster,) = [one for name, one in client.sidecar.clusters().items() if "|9080||shop" in name]
    assert "sa/shop" in str(cluster)
    assert "sa/thief" not in str(cluster)
