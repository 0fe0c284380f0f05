"""Mutual TLS on real Envoys: who is let in, whom clients speak to, and by which name servers know them."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness.addresses import Addresses
from tests.e2e.harness.client import Answer, request
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import Document, destination_rule, gateway, istio, server, service, to, virtual_service
from tests.e2e.harness.documents import write as yaml_of
from tests.e2e.harness.issuing import IssuingControlPlane
from tests.e2e.harness.mesh import SERVICE_PORT, Mesh, Workload
from tests.e2e.harness.upstreams import TcpEcho

CLIENT = "spiffe://cluster.local/ns/default/sa/client"
URL = "http://shop:9080/"


@pytest.fixture
def plane(mesh: Mesh) -> Iterator[IssuingControlPlane]:
    """A control plane that issues identities, in the place of the mesh's."""
    made = IssuingControlPlane(mesh.home, host=mesh.addresses.host())
    mesh.control_plane = made  # type: ignore[assignment]
    yield made
    made.stop()


def policy(mode: str, *, name: str = "default", namespace: str = "default", **spec: Any) -> Document:
    """A PeerAuthentication."""
    document = istio("PeerAuthentication", name, {"mtls": {"mode": mode}, **spec}, namespace=namespace)
    return {**document, "apiVersion": "security.istio.io/v1"}


def start(mesh: Mesh, *documents: Document, port_name: str = "http", **details: Any) -> tuple[Workload, Workload]:
    """A client and the shop, both with identities of their own."""
    mesh.write("shop.yaml", yaml_of(service("shop", port_name=port_name), *documents))
    mesh.serve()
    shop = mesh.workload("shop", {"app": "shop"}, service_account="shop", port_name=port_name, **details)
    return mesh.client(service_account="client"), shop


def plain(shop: Workload) -> Answer:
    """A request in plain text straight to the shop's inbound listener, as from outside the mesh."""
    return request((shop.host, SERVICE_PORT), "/", timeout=5.0)


def refuses_plain(shop: Workload) -> bool:
    try:
        plain(shop)
    except (OSError, EOFError):
        return True
    except Exception as error:  # http.client: the connection closed without an answer
        return "RemoteDisconnected" in type(error).__name__
    return False


def caller(answer: Answer) -> str:
    """As whom the server knows the client."""
    return str(answer.json["headers"].get("x-forwarded-client-cert", ""))


def called(client: Workload) -> Answer:
    answer = eventually(lambda: answered(client), 15, what="the shop")
    assert answer.status == 200
    return answer


def answered(client: Workload) -> Answer | None:
    answer = client.call(URL)
    return answer if answer.status == 200 else None


@pytest.mark.parametrize("mode", ["STRICT", "PERMISSIVE"])
def test_the_server_knows_the_client_by_its_service_account(
    mesh: Mesh, plane: IssuingControlPlane, mode: str
) -> None:
    client, shop = start(mesh, policy(mode, namespace="istio-system"))
    assert f"URI={CLIENT}" in caller(called(client))
    assert f"By=spiffe://cluster.local/ns/default/sa/shop" in caller(called(client))
    assert client.sidecar.stat(f"cluster.outbound|9080||shop.default.svc.cluster.local.ssl.handshake") > 0


def test_plain_text_is_refused_by_strict_and_served_by_permissive(mesh: Mesh, plane: IssuingControlPlane) -> None:
    client, shop = start(mesh, policy("STRICT"))
    called(client)
    assert refuses_plain(shop)
    assert shop.sidecar.stats("no_filter_chain_match")
    mesh.write("policy.yaml", yaml_of())
    mesh.write("shop.yaml", yaml_of(service("shop"), policy("PERMISSIVE")))
    eventually(lambda: plain(shop).status == 200, 10, what="plain text to be served")
    assert caller(plain(shop)) == ""
    assert f"URI={CLIENT}" in caller(called(client))
