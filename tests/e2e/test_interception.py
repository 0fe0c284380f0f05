"""Transparent sidecars: applications that know nothing of a proxy, in pods whose traffic is captured.

Pods a and b have a sidecar, pod c has none. Each test is one connection or two in a mesh that the module shares; what
the Envoys did is read from their access logs.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pilot.node.metadata import Interception
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import Document, mesh_config, service, write
from tests.e2e.harness.envoy_versions import VERSIONS, envoy_binary
from tests.e2e.harness.upstreams import HttpEcho, TcpEcho
from tests.e2e.namespaces.netns import has_ipv6, sockets_of, unavailable
from tests.e2e.namespaces.pod_mesh import PROXY_UID, STATUS_PORT, MeshPod, PodMesh

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())

HTTP_PORT, TCP_PORT, UNKNOWN_PORT = 9080, 6000, 7777
SUFFIX = "default.svc.cluster.local"
DOCKERS_INTERFACE = re.compile(r"docker0|br-[0-9a-f]{12}|veth[0-9a-f]{7}")
"""What tests with Docker, which run beside these, make and remove."""
LOG_LINE = re.compile(
    r'^\[\S+\] "(?P<request>[^"]*)" (?P<status>\d+) (?P<flags>\S+) .* "(?P<id>[^"]*)" "(?P<authority>[^"]*)" '
    r'"(?P<upstream>[^"]*)" (?P<cluster>\S+) (?P<from>\S+) (?P<to>\S+) (?P<client>\S+) \S+ \S+$'
)


@dataclass
class World:
    """A mesh with its pods and applications."""

    mesh: PodMesh
    mode: Interception
    a: MeshPod = field(init=False)
    b: MeshPod = field(init=False)
    c: MeshPod = field(init=False)
    apps: dict[str, HttpEcho] = field(default_factory=dict)
    tcp: dict[str, TcpEcho] = field(default_factory=dict)

    def vip(self, name: str) -> str:
        """The address of a service, which no machine has."""
        number = {"a": 10, "b": 11, "store": 12, "nobody": 99}[name]
        return f"fd00:10::{number}" if self.mesh.ipv6 else f"10.96.0.{number}"

    @property
    def passthrough_source(self) -> str:
        return "::6" if self.mesh.ipv6 else "127.0.0.6"

    def own_source(self, client: MeshPod) -> str:
        """Whom an application behind a sidecar sees when ``client`` calls it."""
        return client.address if self.mode is Interception.TPROXY else self.passthrough_source

    def start(self) -> None:
        """Services, pods, applications; ready when the sidecars know all endpoints."""
        self.mesh.write("services.yaml", write(*self._services()))
        self.mesh.serve()
        ports = {"http": HTTP_PORT, "tcp": TCP_PORT}
        self.a = self.mesh.injected("a", self.mode, ports=ports)
        self.b = self.mesh.injected("b", self.mode, ports=ports)
        self.c = self.mesh.plain("c")
        for pod, name in ((self.a, "a"), (self.b, "b"), (self.c, "c")):
            self.apps[name] = pod.app(HttpEcho, name, HTTP_PORT)
            self.apps[f"{name}-unknown"] = pod.app(HttpEcho, f"{name}-unknown", UNKNOWN_PORT)
            self.apps[f"{name}-80"] = pod.app(HttpEcho, f"{name}-80", 80)
            self.tcp[name] = pod.app(TcpEcho, name, TCP_PORT)
        for cluster in (f"outbound|80||a.{SUFFIX}", f"outbound|80||b.{SUFFIX}", f"outbound|6000||store.{SUFFIX}"):
            self.a.envoy.wait_for_endpoint(cluster)
        headless = f"{self.b.address}_{TCP_PORT}"
        eventually(lambda: headless in self.a.envoy.listeners(), 10, what=f"listener {headless}")

    def _services(self) -> Iterator[Document]:
        yield mesh_config(accessLogFile="/dev/stdout")
        for name in ("a", "b"):
            made = service(name, port=80, clusterIP=self.vip(name))
            made["spec"]["ports"][0]["targetPort"] = HTTP_PORT
            yield made
        backend = {"app": "b"}
        yield service("store", port=TCP_PORT, port_name="tcp", clusterIP=self.vip("store"), selector=backend)
        yield service("headless", port=TCP_PORT, port_name="tcp", clusterIP="None", selector=backend)


WORLDS = [
    *(
        pytest.param((mode, ipv6, VERSIONS[-1]), id=f"{mode}-{'ipv6' if ipv6 else 'ipv4'}", marks=marks)
        for ipv6, marks in ((False, ()), (True, pytest.mark.skipif(not has_ipv6(), reason="the kernel has no IPv6")))
        for mode in (Interception.REDIRECT, Interception.TPROXY)
    ),
    pytest.param((Interception.TPROXY, False, VERSIONS[0]), id=f"TPROXY-ipv4-{VERSIONS[0]}"),
]


@pytest.fixture(scope="module", params=WORLDS)
def variant(request: pytest.FixtureRequest) -> tuple[Interception, bool, str]:
    """Mode, whether it is IPv6, and the version of Envoy."""
    mode, ipv6, version = request.param
    return mode, ipv6, version


@pytest.fixture(scope="module")
def shared_mesh(variant: tuple[Interception, bool, str]) -> Iterator[PodMesh]:
    with PodMesh(envoy_binary(variant[2]), ipv6=variant[1]) as mesh:
        yield mesh


@pytest.fixture(scope="module")
def world(shared_mesh: PodMesh, variant: tuple[Interception, bool, str]) -> World:
    made = World(mesh=shared_mesh, mode=variant[0])
    made.start()
    return made


@pytest.fixture
def pod_mesh() -> Iterator[PodMesh]:
    """A mesh of the test's own."""
    with PodMesh(envoy_binary(VERSIONS[-1])) as mesh:
        yield mesh


class Log:
    """The access log lines that a sidecar writes from now on."""

    def __init__(self, pod: MeshPod) -> None:
        self._pod, self._skip = pod, len(pod.access_log())

    def lines(self) -> list[dict[str, str]]:
        matches = (LOG_LINE.match(line) for line in self._pod.access_log()[self._skip :])
        return [match.groupdict() for match in matches if match]

    def one(self, cluster: str) -> dict[str, str]:
        """The only line about ``cluster``, once it is written."""
        found = eventually(lambda: [line for line in self.lines() if line["cluster"] == cluster], what=cluster)
        assert len(found) == 1, found
        return found[0]


def converse(pod: MeshPod, address: str, port: int) -> tuple[str, str]:
    """What a TCP server says first, and what it returns for ``hello``."""
    with (
        pod.pod.namespace.entered(),
        socket.create_connection((address, port), 5) as connection,
        connection.makefile("rw") as stream,
    ):
        greeting = stream.readline().strip()
        stream.write("hello\n")
        stream.flush()
        return greeting, stream.readline().strip()


def host_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def test_http_to_a_service_address_passes_both_sidecars(world: World) -> None:
    a, b = Log(world.a), Log(world.b)
    answer = world.a.call(world.vip("b"), 80, f"b.{SUFFIX}", "/hello")
    assert (answer.status, answer.name) == (200, "b")
    out, into = a.one(f"outbound|80||b.{SUFFIX}"), b.one(f"inbound|{HTTP_PORT}||")
    assert out["request"] == into["request"] == "GET /hello HTTP/1.1"
    assert out["id"] == into["id"] == world.apps["b"].requests[-1].headers["x-request-id"]
    assert out["to"] == host_port(world.vip("b"), 80)
    assert out["upstream"] == into["to"] == host_port(world.b.address, HTTP_PORT)
    assert out["from"] == into["client"]
    assert answer.headers["server"] == "envoy"


def test_http_to_a_pods_own_address_passes_both_sidecars(world: World) -> None:
    a, b = Log(world.a), Log(world.b)
    assert world.a.call(world.b.address, HTTP_PORT).name == "b"
    assert a.one("PassthroughCluster")["upstream"] == host_port(world.b.address, HTTP_PORT)
    assert b.one(f"inbound|{HTTP_PORT}||")["status"] == "200"


def test_a_server_first_service_is_reached_by_its_address(world: World) -> None:
    a, b = Log(world.a), Log(world.b)
    assert converse(world.a, world.vip("store"), TCP_PORT) == ("b", "hello")
    assert a.one(f"outbound|{TCP_PORT}||store.{SUFFIX}")["to"] == host_port(world.vip("store"), TCP_PORT)
    b.one(f"inbound|{TCP_PORT}||")


def test_a_headless_service_is_reached_by_the_address_of_a_pod(world: World) -> None:
    a, b = Log(world.a), Log(world.b)
    assert converse(world.a, world.b.address, TCP_PORT) == ("b", "hello")
    assert a.one(f"outbound|{TCP_PORT}||headless.{SUFFIX}")["upstream"] == host_port(world.b.address, TCP_PORT)
    b.one(f"inbound|{TCP_PORT}||")


@pytest.mark.parametrize("port", [80, UNKNOWN_PORT], ids=["on-a-port-of-services", "on-another-port"])
def test_unknown_http_goes_where_it_was_going(world: World, port: int) -> None:
    a = Log(world.a)
    assert world.a.call(world.c.address, port, "elsewhere.example").name in ("c-80", "c-unknown")
    assert a.one("PassthroughCluster")["to"] == host_port(world.c.address, port)


def test_unknown_tcp_goes_where_it_was_going(world: World) -> None:
    a = Log(world.a)
    assert converse(world.a, world.c.address, TCP_PORT) == ("c", "hello")
    assert a.one("PassthroughCluster")["to"] == host_port(world.c.address, TCP_PORT)


def test_what_nobody_answers_fails_at_once(world: World) -> None:
    a = Log(world.a)
    with pytest.raises((OSError, http.client.HTTPException)):
        world.a.call(world.vip("nobody"), UNKNOWN_PORT)
    assert "UF" in a.one("PassthroughCluster")["flags"]
    answer = world.a.call(world.vip("nobody"), 80, "nobody.example")
    assert answer.status == 503


def test_a_port_that_no_service_has_is_reached_through_the_sidecar(world: World) -> None:
    b = Log(world.b)
    assert world.c.call(world.b.address, UNKNOWN_PORT).name == "b-unknown"
    assert b.one("InboundPassthroughCluster")["client"].startswith(host_port(world.c.address, 0)[:-1])


@pytest.mark.parametrize("port", [HTTP_PORT, UNKNOWN_PORT])
def test_the_application_sees_its_client_under_tproxy_and_the_sidecar_under_redirect(world: World, port: int) -> None:
    app = world.apps["b" if port == HTTP_PORT else "b-unknown"]
    for client in (world.c, world.a):
        assert client.call(world.b.address, port).name == app.name
        assert app.requests[-1].peer == world.own_source(client)


def test_a_tcp_application_sees_its_client_too(world: World) -> None:
    for client in (world.c, world.a):
        assert converse(client, world.b.address, TCP_PORT) == ("b", "hello")
        assert world.tcp["b"].peers[-1] == world.own_source(client)


def test_a_pod_calls_its_own_service_through_its_sidecar_both_ways(world: World) -> None:
    a = Log(world.a)
    assert world.a.call(world.vip("a"), 80, "a", "/self").name == "a"
    out, into = a.one(f"outbound|80||a.{SUFFIX}"), a.one(f"inbound|{HTTP_PORT}||")
    assert out["id"] == into["id"]
    assert world.apps["a"].requests[-1].peer == world.own_source(world.a)


def test_a_pod_talks_to_itself_undisturbed(world: World) -> None:
    a = Log(world.a)
    assert world.a.call(world.a.address, HTTP_PORT).name == "a"
    assert world.apps["a"].requests[-1].peer == world.a.address
    if not world.mesh.ipv6:
        assert world.a.call("127.0.0.1", HTTP_PORT).name == "a"
    # A request through the sidecar is logged after the two, had they been.
    world.a.call(world.vip("b"), 80, "b")
    a.one(f"outbound|80||b.{SUFFIX}")
    assert len(a.lines()) == 1


def test_the_proxys_user_is_never_led_back_to_the_proxy(world: World) -> None:
    a = Log(world.a)
    with sockets_of(PROXY_UID, PROXY_UID):
        assert world.a.call(world.c.address, HTTP_PORT).name == "c"
        assert world.a.call(world.b.address, HTTP_PORT).name == "b"  # one hop, into b's sidecar
        with pytest.raises(OSError):  # noqa: PT011 - unreachable, refused: any will do, for nobody has this address
            world.a.call(world.vip("b"), 80, "b")
    assert world.apps["c"].requests[-1].peer == world.a.address
    world.a.call(world.vip("b"), 80, "b")
    a.one(f"outbound|80||b.{SUFFIX}")
    assert len(a.lines()) == 1


def test_the_proxys_user_reaches_its_own_pod_by_the_front_door(world: World) -> None:
    a = Log(world.a)
    with sockets_of(PROXY_UID, PROXY_UID):
        assert world.a.call(world.a.address, HTTP_PORT).name == "a"
    assert a.one(f"inbound|{HTTP_PORT}||")["status"] == "200"


@pytest.mark.parametrize("port", [15001, 15006])
@pytest.mark.parametrize("caller", ["a", "c"])
def test_a_connection_to_the_proxys_own_port_ends_there(world: World, port: int, caller: str) -> None:
    """Its original destination is the proxy itself: forwarded, it would go round for ever."""

    def accepted() -> int:
        return sum(world.a.envoy.stats(r"^listener\..*_1500[16]\.downstream_cx_total$").values())

    before = accepted()
    client = world.a if caller == "a" else world.c
    with contextlib.suppress(OSError, http.client.HTTPException):  # cut off without an answer is as good
        assert client.call(world.a.address, port).status == 503
    # In by the inbound listener and at most once more to the outbound one, which knows its own port.
    assert accepted() - before <= 2


def test_readiness_is_answered_by_the_sidecar_itself(world: World) -> None:
    b = Log(world.b)
    answer = world.c.call(world.b.address, STATUS_PORT, target="/healthz/ready")
    assert (answer.status, answer.text.strip()) == (200, "LIVE")
    world.c.call(world.b.address, HTTP_PORT)
    b.one(f"inbound|{HTTP_PORT}||")
    assert len(b.lines()) == 1


def test_many_requests_keep_few_connections_and_lose_none(world: World) -> None:
    statuses = [world.a.call(world.vip("b"), 80, "b").status for _ in range(100)]
    assert statuses == [200] * 100
    assert world.b.envoy.stat(f"cluster.inbound|{HTTP_PORT}||.upstream_cx_total") < 20


@pytest.mark.parametrize("mode", [Interception.REDIRECT, Interception.TPROXY])
def test_registry_only_lets_nothing_unknown_out(mode: Interception, pod_mesh: PodMesh) -> None:
    pod_mesh.write("mesh.yaml", write(mesh_config(outboundTrafficPolicy={"mode": "REGISTRY_ONLY"})))
    pod_mesh.write("services.yaml", write(service("a", port=80, clusterIP="10.96.0.10")))
    pod_mesh.serve()
    a, c = pod_mesh.injected("a", mode, ports={"http": 80}), pod_mesh.plain("c")
    seen = [c.app(HttpEcho, "c", 80), c.app(HttpEcho, "c", UNKNOWN_PORT)]
    assert a.call(c.address, 80, "elsewhere.example").status == 502
    for port in (UNKNOWN_PORT, 443):
        with pytest.raises((OSError, http.client.HTTPException)):
            a.call(c.address, port)
    assert [echo.count for echo in seen] == [0, 0]
    assert a.envoy.stat("cluster.BlackHoleCluster.upstream_cx_none_healthy") or a.envoy.stat(
        "tcp.BlackHoleCluster.downstream_cx_total"
    )
    with sockets_of(PROXY_UID, PROXY_UID):
        assert a.call(c.address, UNKNOWN_PORT).status == 200


@pytest.mark.parametrize("mode", [Interception.REDIRECT, Interception.TPROXY])
def test_what_is_excluded_passes_no_sidecar(mode: Interception, pod_mesh: PodMesh) -> None:
    flags = f"--exclude-inbound-ports {UNKNOWN_PORT} --exclude-outbound-ports {TCP_PORT} --backend nft"
    pod_mesh.write("mesh.yaml", write(mesh_config(outboundTrafficPolicy={"mode": "REGISTRY_ONLY"})))
    pod_mesh.serve()
    a, c = pod_mesh.injected("a", mode, flags=flags), pod_mesh.plain("c")
    known, spared = a.app(HttpEcho, "a", HTTP_PORT), a.app(HttpEcho, "a", UNKNOWN_PORT)
    store = c.app(TcpEcho, "c", TCP_PORT)
    assert converse(a, c.address, TCP_PORT) == ("c", "hello")
    assert store.peers == [a.address]
    assert c.call(a.address, UNKNOWN_PORT).headers.get("server", "") != "istio-envoy"
    assert c.call(a.address, HTTP_PORT).headers["server"] == "istio-envoy"
    assert "x-request-id" not in spared.requests[0].headers
    assert "x-request-id" in known.requests[0].headers


@pytest.mark.skipif(not has_ipv6(), reason="the kernel has no IPv6")
@pytest.mark.parametrize("mode", [Interception.REDIRECT, Interception.TPROXY])
def test_a_sidecar_with_addresses_of_both_families_serves_both(mode: Interception, pod_mesh: PodMesh) -> None:
    vips: dict[str, Any] = {"clusterIP": "10.96.0.10", "clusterIPs": ["10.96.0.10", "fd00:10::10"]}
    pod_mesh.write("services.yaml", write(service("b", port=80, **vips), mesh_config(accessLogFile="/dev/stdout")))
    pod_mesh.serve()
    a, b = (pod_mesh.injected(name, mode, ports={"http": 80}, dual_stack=True) for name in ("a", "b"))
    c = pod_mesh.plain("c")
    apps = {}
    for pod in (b, c):
        with pod.pod.namespace.entered():
            for port in (80, UNKNOWN_PORT):
                apps[pod, port] = HttpEcho(pod.pod.name, "::", port)  # one socket for both families
                pod.stack.callback(apps[pod, port].stop)
    a.envoy.wait_for_endpoint(f"outbound|80||b.{SUFFIX}")
    log = Log(a)
    assert [a.call(vip, 80, "b").name for vip in ("10.96.0.10", "fd00:10::10")] == ["b", "b"]
    through = [f"outbound|80||b.{SUFFIX}"] * 2
    eventually(lambda: [line["cluster"] for line in log.lines()] == through, what="both requests in the access log")
    for address in (c.pod.ipv4, c.pod.ipv6):
        assert a.call(address, UNKNOWN_PORT).name == "c"
        assert a.call(address, 80, "elsewhere.example").name == "c"
    families = ((b.pod.ipv4, c.pod.ipv4, "127.0.0.6"), (b.pod.ipv6, c.pod.ipv6, "::6"))
    for address, client, sidecar in families:
        assert c.call(address, STATUS_PORT, target="/healthz/ready").status == 200
        for port in (80, UNKNOWN_PORT):
            assert c.call(address, port).headers["server"] == "istio-envoy"
            seen = apps[b, port].requests[-1].peer.removeprefix("::ffff:")
            assert seen == (client if mode is Interception.TPROXY else sidecar)


def test_the_harness_leaves_nothing_on_the_host() -> None:
    def seen() -> set[str]:
        names = (line.partition(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:])
        interfaces = {name for name in names if not DOCKERS_INTERFACE.fullmatch(name)}
        return interfaces | {str(name) for name in Path("/run/netns").glob("*")}

    before = seen()
    with PodMesh(envoy_binary(VERSIONS[-1])) as mesh:
        home = mesh.home
        mesh.plain("a")
        assert seen() == before
        assert home.exists()
    assert seen() == before
    assert not home.exists()
