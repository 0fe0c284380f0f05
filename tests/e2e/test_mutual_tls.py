"""Mutual TLS on real Envoys: who is let in, whom clients speak to, and by which name servers know them."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest

from citadel.ca.roots import build_issuer, create_authority
from citadel.identity import Svid
from tests.e2e.harness.client import Answer, request
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import Document, destination_rule, gateway, istio, server, service, to, virtual_service
from tests.e2e.harness.documents import write as yaml_of
from tests.e2e.harness.issuing import DOMAIN, IssuingControlPlane
from tests.e2e.harness.mesh import SERVICE_PORT, Mesh, Workload
from tests.e2e.harness.upstreams import GrpcEcho, TcpEcho
from tests.e2e.harness.variants import both_variants, every_envoy
from tests.e2e.test_protocols import converse

CLIENT = "URI=spiffe://cluster.local/ns/default/sa/client"
SHOP = "By=spiffe://cluster.local/ns/default/sa/shop"
CLUSTER = "outbound|9080||shop.default.svc.cluster.local"
URL = "http://shop:9080/"
SHOPS = {"matchLabels": {"app": "shop"}}


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


def call(client: Workload) -> Answer:
    """The shop's answer to the client's application."""

    def answer() -> Answer | None:
        found = client.call(URL)
        return found if found.status == 200 else None

    return eventually(answer, 15, what="an answer of the shop")


def caller(answer: Answer) -> str:
    """What the server is told about the client's certificate."""
    return str(answer.json["headers"].get("x-forwarded-client-cert", ""))


def plain(shop: Workload) -> int:
    """The status of a request in plain text straight to the shop's inbound listener; 0 for none."""
    try:
        return request((shop.host, SERVICE_PORT), "/", timeout=5.0).status
    except (ConnectionError, http.client.BadStatusLine):
        return 0


def secure(host: str, port: int, directory: Path, svid: Svid | None, *, name: str = "shop") -> int:
    """The status of a request over TLS with this certificate, whatever the server's; 0 for none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["istio-http/1.1", "http/1.1"])
    if svid is not None:
        chain = directory / "client.pem"
        chain.write_bytes(svid.chain_pem + svid.private_key.reveal())
        context.load_cert_chain(chain)
    connection = http.client.HTTPSConnection(host, port, timeout=5.0, context=context)
    try:
        connection.request("GET", "/", headers={"Host": name})
        return connection.getresponse().status
    except (OSError, http.client.BadStatusLine):
        return 0
    finally:
        connection.close()


@every_envoy
@both_variants
@pytest.mark.parametrize("mode", ["STRICT", "PERMISSIVE"])
def test_the_server_knows_the_client_by_its_service_account(mesh: Mesh, plane: IssuingControlPlane, mode: str) -> None:
    client, _ = start(mesh, policy(mode, namespace="istio-system"))
    told = caller(call(client))
    assert CLIENT in told
    assert SHOP in told


def test_plain_text_is_refused_by_strict_and_served_by_permissive(mesh: Mesh, plane: IssuingControlPlane) -> None:
    client, shop = start(mesh, policy("STRICT"))
    call(client)
    assert plain(shop) == 0
    assert sum(shop.sidecar.stats("no_filter_chain_match").values()) > 0
    mesh.write("shop.yaml", yaml_of(service("shop"), policy("PERMISSIVE")))
    eventually(lambda: plain(shop) == 200, 10, what="plain text to be served")
    assert "x-forwarded-client-cert" not in shop.http.requests[-1].headers
    assert CLIENT in caller(call(client))


def test_a_port_has_a_mode_of_its_own(mesh: Mesh, plane: IssuingControlPlane) -> None:
    def at_port(mode: str) -> Document:
        return policy("STRICT", name="shop", selector=SHOPS, portLevelMtls={SERVICE_PORT: {"mode": mode}})

    client, shop = start(mesh, at_port("PERMISSIVE"))
    assert CLIENT in caller(call(client))
    assert plain(shop) == 200
    mesh.write("shop.yaml", yaml_of(service("shop"), at_port("DISABLE")))
    eventually(lambda: caller(call(client)) == "", 10, what="plain text from the client")
    mesh.write("shop.yaml", yaml_of(service("shop"), at_port("UNSET")))
    eventually(lambda: plain(shop) == 0, 10, what="plain text to be refused")
    assert CLIENT in caller(call(client))


def test_a_server_with_another_identity_is_refused(mesh: Mesh, plane: IssuingControlPlane) -> None:
    plane.impostors["shop"] = "thief"
    client, shop = start(mesh)
    client.sidecar.wait_for_endpoint(CLUSTER)
    assert client.call(URL).status == 503
    assert client.sidecar.stat(f"cluster.{CLUSTER}.ssl.fail_verify_san") > 0
    assert shop.http.count == 0


def test_strangers_are_refused_by_strict(mesh: Mesh, plane: IssuingControlPlane, tmp_path: Path) -> None:
    client, shop = start(mesh, policy("STRICT"))
    call(client)
    there = shop.host, SERVICE_PORT, tmp_path
    foreign = build_issuer(create_authority(DOMAIN, datetime.now(UTC)))
    served = shop.http.count
    assert secure(*there, None) == 0
    assert secure(*there, plane.svid("client", issuer=foreign)) == 0
    assert shop.http.count == served
    assert secure(*there, plane.svid("client")) == 200


def test_a_destination_rule_has_the_last_word(mesh: Mesh, plane: IssuingControlPlane) -> None:
    def rule(mode: str, **tls: Any) -> Document:
        return destination_rule("shop", trafficPolicy={"tls": {"mode": mode, **tls}})

    client, shop = start(mesh, policy("STRICT"), rule("ISTIO_MUTUAL"))
    assert CLIENT in caller(call(client))
    mesh.write("shop.yaml", yaml_of(service("shop"), policy("STRICT"), rule("DISABLE")))
    eventually(lambda: client.call(URL).status == 503, 10, what="plain text to be refused")
    served = shop.http.count
    other = rule("ISTIO_MUTUAL", subjectAltNames=["spiffe://cluster.local/ns/default/sa/somebody"])
    mesh.write("shop.yaml", yaml_of(service("shop"), policy("STRICT"), other))

    def names_differ() -> bool:
        assert client.call(URL).status == 503
        return client.sidecar.stat(f"cluster.{CLUSTER}.ssl.fail_verify_san") > 0

    eventually(names_differ, 10)
    assert shop.http.count == served


def test_tcp_under_strict(mesh: Mesh, plane: IssuingControlPlane) -> None:
    client, shop = start(mesh, policy("STRICT"), port_name="tcp", app=TcpEcho)
    assert eventually(lambda: converse(client.host, SERVICE_PORT), 10) == (b"shop\n", b"hello\n")
    assert client.sidecar.stat(f"cluster.{CLUSTER}.ssl.handshake") > 0
    with pytest.raises((OSError, AssertionError)):
        assert converse(shop.host, SERVICE_PORT)[0]


@pytest.mark.parametrize("mode", ["STRICT", "PERMISSIVE"])
def test_grpc_over_mutual_tls(mesh: Mesh, plane: IssuingControlPlane, mode: str) -> None:
    client, shop = start(mesh, policy(mode), port_name="grpc", app=GrpcEcho)
    client.sidecar.wait_for_endpoint(CLUSTER)
    options = [("grpc.default_authority", "shop:9080")]
    with grpc.insecure_channel(f"{client.host}:{SERVICE_PORT}", options) as channel:
        hello = channel.unary_unary("/shop.Shop/Hello", bytes, bytes)
        assert hello(b"world", timeout=10, wait_for_ready=True) == b"shop: world"
    assert isinstance(shop.app, GrpcEcho)
    assert CLIENT in shop.app.calls[-1][1]["x-forwarded-client-cert"]


@every_envoy
@pytest.mark.parametrize("mode", ["STRICT", "PERMISSIVE"])
def test_http_on_a_port_of_unknown_protocol(mesh: Mesh, plane: IssuingControlPlane, mode: str) -> None:
    client, _ = start(mesh, policy(mode), port_name="any")
    client.sidecar.wait_for_endpoint(CLUSTER)
    answer = eventually(lambda: request((client.host, SERVICE_PORT), "/", host="shop:9080"), 10)
    assert CLIENT in caller(answer)


@pytest.mark.parametrize("mode", ["STRICT", "PERMISSIVE"])
def test_anything_else_on_a_port_of_unknown_protocol(mesh: Mesh, plane: IssuingControlPlane, mode: str) -> None:
    client, _ = start(mesh, policy(mode), port_name="any", app=TcpEcho)
    client.sidecar.wait_for_endpoint(CLUSTER)
    with socket.create_connection((client.host, SERVICE_PORT), 5) as connection, connection.makefile("rb") as answers:
        connection.sendall(b"neither HTTP nor TLS\n")  # the client speaks first where protocols are guessed
        assert [answers.readline(), answers.readline()] == [b"shop\n", b"neither HTTP nor TLS\n"]
    assert client.sidecar.stat(f"cluster.{CLUSTER}.ssl.handshake") > 0


def test_a_gateway_is_a_client_too(mesh: Mesh, plane: IssuingControlPlane) -> None:
    port = mesh.addresses.port()
    rule = virtual_service("*", {"route": [to("shop", port=9080)]}, gateways=["gateway"])
    start(mesh, policy("STRICT"), gateway(server(port)), rule)
    ingress = mesh.gateway()
    answer = eventually(lambda: found if (found := ingress.get(port)).status == 200 else None, 10)
    assert "URI=spiffe://cluster.local/ns/istio-system/sa/default" in caller(answer)


def test_a_gateway_that_only_the_mesh_may_enter(mesh: Mesh, plane: IssuingControlPlane, tmp_path: Path) -> None:
    port = mesh.addresses.port()
    rule = virtual_service("*", {"route": [to("shop", port=9080)]}, gateways=["gateway"])
    start(mesh, gateway(server(port, protocol="HTTPS", tls={"mode": "ISTIO_MUTUAL"})), rule)
    there = mesh.gateway().options.ip, port, tmp_path
    assert eventually(lambda: secure(*there, plane.svid("client")) == 200, 10)
    assert secure(*there, None) == 0
