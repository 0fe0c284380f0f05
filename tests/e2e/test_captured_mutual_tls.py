"""Mutual TLS between applications that know nothing of it, in pods whose traffic is captured.

Pods a and b have a sidecar with an identity from `pilot serve --citadel` in a pod of its own, pod c has none. What goes
over the wire is read off it.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from pilot.node.metadata import Interception
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import Document, istio, mesh_config, service, write
from tests.e2e.harness.envoy_versions import VERSIONS, envoy_binary
from tests.e2e.harness.upstreams import HttpEcho, TcpEcho
from tests.e2e.namespaces.netns import has_ipv6, unavailable
from tests.e2e.namespaces.pod_mesh import MeshPod, PodMesh
from tests.e2e.namespaces.sniffer import Direction, Sniffer, is_tls

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())

HTTP_PORT, TCP_PORT, UNDECLARED_PORT = 9080, 6000, 7000
SUFFIX = "default.svc.cluster.local"
ACCESS_LOG = {"accessLogFile": "/dev/stdout", "accessLogFormat": "peer=%DOWNSTREAM_PEER_URI_SAN% %UPSTREAM_CLUSTER%\n"}
MARKER = "written-by-the-application"


def policy(mode: str) -> Document:
    """A PeerAuthentication of the whole mesh."""
    document = istio("PeerAuthentication", "default", {"mtls": {"mode": mode}}, namespace="istio-system")
    return {**document, "apiVersion": "security.istio.io/v1"}


@dataclass
class World:
    """Pods with and without identities."""

    mesh: PodMesh
    mode: Interception
    a: MeshPod = field(init=False)
    b: MeshPod = field(init=False)
    c: MeshPod = field(init=False)
    app: HttpEcho = field(init=False)

    def vip(self, name: str) -> str:
        number = {"b": 11, "store": 12}[name]
        return f"fd00:10::{number}" if self.mesh.ipv6 else f"10.96.0.{number}"

    def start(self) -> None:
        http = service("b", port=80, clusterIP=self.vip("b"))
        http["spec"]["ports"][0]["targetPort"] = HTTP_PORT
        store = service("store", port=TCP_PORT, port_name="tcp", clusterIP=self.vip("store"), selector={"app": "b"})
        self.mesh.write("mesh.yaml", write(mesh_config(**ACCESS_LOG), http, store))
        self.require("PERMISSIVE")
        self.mesh.serve(identities=True)
        self.a = self.mesh.injected("a", self.mode)
        self.b = self.mesh.injected("b", self.mode, ports={"http": HTTP_PORT, "tcp": TCP_PORT})
        self.c = self.mesh.plain("c")
        self.app = self.b.app(HttpEcho, "b", HTTP_PORT)
        self.b.app(TcpEcho, "b", TCP_PORT)
        self.b.app(TcpEcho, "undeclared", UNDECLARED_PORT)
        for port, name in ((80, "b"), (TCP_PORT, "store")):
            self.a.envoy.wait_for_endpoint(f"outbound|{port}||{name}.{SUFFIX}")

    def require(self, mode: str) -> None:
        self.mesh.write("policy.yaml", write(policy(mode)))

    def settle(self, mode: str) -> None:
        """Change the policy, and wait until both sidecars act by it."""
        self.require(mode)
        eventually(lambda: self.serves_plain_text() == (mode != "STRICT"), 15, what=f"{mode} at the server")
        eventually(lambda: self.identity() != (mode == "DISABLE"), 15, what=f"{mode} at the client")

    def identity(self) -> bool:
        """Whether the server knows its client."""
        answer = self.a.call(self.vip("b"), 80, "b")
        assert answer.status == 200
        return "x-forwarded-client-cert" in self.app.requests[-1].headers

    def serves_plain_text(self) -> bool:
        """Whether the pod without identity gets an answer."""
        try:
            return self.c.call(self.b.address, HTTP_PORT, "b").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def greeting_of_store(self, client: MeshPod) -> str:
        """What the TCP application says first to a process of ``client``; "" when it is not let in."""
        return self.greeting(client, self.vip("store") if client is self.a else self.b.address, TCP_PORT)

    def greeting(self, client: MeshPod, address: str, port: int) -> str:
        """The same of the application at ``address`` and ``port``."""
        with client.pod.namespace.entered(), socket.create_connection((address, port), 5) as connection:
            connection.sendall(b"hello\n")  # a server that waits for TLS learns now that there is none
            try:
                return connection.makefile().readline().strip()
            except ConnectionError:
                return ""

    def overheard(self) -> dict[Direction, bytes]:
        """What pods a and b send one another while the application sends the marker by HTTP and TCP."""
        sniffer = Sniffer(self.b.pod)
        answer = self.a.call(self.vip("b"), 80, "b", f"/{MARKER}", method="POST", body=MARKER.encode())
        assert (answer.name, self.app.requests[-1].body) == ("b", MARKER.encode())
        with self.a.pod.namespace.entered(), socket.create_connection((self.vip("store"), TCP_PORT), 5) as connection:
            connection.sendall(f"{MARKER}\n".encode())
            lines = connection.makefile()
            assert [lines.readline(), lines.readline()] == ["b\n", f"{MARKER}\n"]
        pair = {self.a.address, self.b.address}
        streams = sniffer.streams()
        return {found: stream for found, stream in streams.items() if {found.source, found.target} == pair}


WORLDS = [
    pytest.param((mode, ipv6), id=f"{mode}-{'ipv6' if ipv6 else 'ipv4'}", marks=marks)
    for ipv6, marks in ((False, ()), (True, pytest.mark.skipif(not has_ipv6(), reason="the kernel has no IPv6")))
    for mode in (Interception.REDIRECT, Interception.TPROXY)
]


@pytest.fixture(scope="module", params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    mode, ipv6 = request.param
    with PodMesh(envoy_binary(VERSIONS[-1]), ipv6=ipv6) as mesh:
        made = World(mesh=mesh, mode=mode)
        made.start()
        yield made


@pytest.fixture
def shared_mesh(world: World) -> PodMesh:
    """For the logs of a failure."""
    return world.mesh


@pytest.mark.parametrize("mode", ["STRICT", "PERMISSIVE"])
def test_the_server_knows_its_client_by_its_service_account(world: World, mode: str) -> None:
    world.settle(mode)
    answer = world.a.call(world.vip("b"), 80, "b")
    seen = world.app.requests[-1].headers["x-forwarded-client-cert"]
    assert answer.name == "b"
    assert "By=spiffe://cluster.local/ns/default/sa/b;" in seen
    assert "URI=spiffe://cluster.local/ns/default/sa/a" in seen
    if world.mode is Interception.TPROXY:
        assert world.app.requests[-1].peer == world.a.address


def test_a_tcp_server_knows_its_client_too(world: World) -> None:
    def lines(peer: str) -> int:
        return list(world.b.envoy.lines()).count(f"peer={peer} inbound|{TCP_PORT}||")

    world.settle("PERMISSIVE")
    client, nobody = "spiffe://cluster.local/ns/default/sa/a", "-"
    known, unknown = lines(client), lines(nobody)
    assert [world.greeting_of_store(pod) for pod in (world.a, world.c)] == ["b", "b"]
    eventually(lambda: lines(client) > known, what="the client's identity in the server's access log")
    eventually(lambda: lines(nobody) > unknown, what="the stranger in the server's access log")


def test_strict_lets_nobody_in_without_identity(world: World) -> None:
    world.settle("STRICT")
    assert not world.serves_plain_text()
    assert world.greeting_of_store(world.c) == ""
    assert world.greeting_of_store(world.a) == "b"
    assert world.a.call(world.vip("b"), 80, "b").name == "b"


def test_permissive_lets_everybody_in(world: World) -> None:
    world.settle("PERMISSIVE")
    assert world.serves_plain_text()
    assert "x-forwarded-client-cert" not in world.app.requests[-1].headers
    assert world.greeting_of_store(world.a) == "b"


@pytest.mark.parametrize("mode", ["STRICT", "PERMISSIVE"])
def test_what_pods_send_one_another_is_tls_and_nothing_else(world: World, mode: str) -> None:
    world.settle(mode)
    heard = world.overheard()
    assert {found.target_port for found in heard if found.target == world.b.address} >= {HTTP_PORT, TCP_PORT}
    assert [found for found, stream in heard.items() if not is_tls(stream)] == []
    assert [found for found, stream in heard.items() if MARKER.encode() in stream] == []


def test_without_mutual_tls_the_same_is_read_off_the_wire(world: World) -> None:
    """The control of the test before: what it looks for is found where it must be."""
    world.settle("DISABLE")
    heard = world.overheard()
    to_b = [found.target_port for found, stream in heard.items() if MARKER.encode() in stream]
    assert {HTTP_PORT, TCP_PORT} <= set(to_b)
    assert [found for found, stream in heard.items() if is_tls(stream)] == []


@pytest.mark.parametrize("mode", ["DISABLE", "PERMISSIVE"])
def test_connections_to_ports_that_no_service_declares_are_let_in(world: World, mode: str) -> None:
    world.settle(mode)
    for client in (world.a, world.c):
        assert world.greeting(client, world.b.address, UNDECLARED_PORT) == "undeclared"
