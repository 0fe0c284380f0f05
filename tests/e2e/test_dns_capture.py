"""Applications that find services by names which no DNS server has, in pods whose queries are captured.

Pods a, b and d have a sidecar, c has none, and "resolver" is the network's DNS server. What an application asks for it
asks as all programs do: by getaddrinfo, in a process of its own, with the pod's /etc/resolv.conf.
"""

from __future__ import annotations

import json
import shutil
import struct
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from pilot.node.metadata import Interception
from pilot.redirect.system import SYSTEM_PATH
from pilot.registry.auto_addresses import IPV4_RANGE, IPV6_RANGE
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import Document, istio, mesh_config, service, write
from tests.e2e.harness.envoy_versions import VERSIONS, envoy_binary
from tests.e2e.harness.upstreams import HttpEcho, TcpEcho
from tests.e2e.namespaces.netns import has_ipv6, unavailable
from tests.e2e.namespaces.network import Pod
from tests.e2e.namespaces.pod_mesh import MeshPod, PodMesh
from tests.e2e.namespaces.resolver import Resolver, name_files, start_resolver
from tests.e2e.test_interception import Log

pytestmark = [
    pytest.mark.skipif(bool(unavailable()), reason=unavailable()),
    pytest.mark.skipif(not shutil.which("dnsmasq", path=SYSTEM_PATH), reason="not installed: dnsmasq (dnsmasq-base)"),
]

HTTP_PORT, DATABASE_PORT, SNIFFED_PORT = 9080, 5432, 7070
SUFFIX = "default.svc.cluster.local"
REDIRECT_DNS = "--redirect-dns"
APPLICATION = """
import http.client, json, socket, sys
action, name, *more = sys.argv[1:]
if action == "resolve":
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)}
    except socket.gaierror:
        found = set()
    print(json.dumps(sorted(found)))
elif action == "talk":
    with socket.create_connection((name, int(more[0])), 10) as connection:
        print(json.dumps(connection.makefile().readline().strip()))
else:
    connection = http.client.HTTPConnection(name, int(more[0]), timeout=10)
    connection.request("GET", "/by-name")
    print(connection.getresponse().read().decode())
"""


def application(pod: MeshPod, *words: str) -> Any:
    """What a program of ``pod`` finds: addresses, the first words of a server, or the description of its request."""
    return json.loads(pod.run(sys.executable, "-c", APPLICATION, *words).stdout)


def resolve(pod: MeshPod, name: str) -> list[str]:
    """The addresses that ``name`` stands for in ``pod``; none when it does not exist."""
    return list(application(pod, "resolve", name))


@dataclass
class Names:
    """A mesh whose services have names and no addresses."""

    mesh: PodMesh
    mode: Interception
    dual_stack: bool
    a: MeshPod = field(init=False)
    b: MeshPod = field(init=False)
    c: MeshPod = field(init=False)
    d: MeshPod = field(init=False)
    resolver: Resolver = field(init=False)
    resolver_pod: Pod = field(init=False)

    @property
    def families(self) -> set[int]:
        return {4, 6} if self.dual_stack else {6 if self.mesh.ipv6 else 4}

    def start(self) -> None:
        self.resolver_pod = self.mesh.network.pod("resolver")
        self.mesh.write("mesh.yaml", write(mesh_config(accessLogFile="/dev/stdout")))
        self.mesh.write("services.yaml", write(*services()))
        self.mesh.serve()
        files = self.files()
        flags = {"flags": REDIRECT_DNS, "dual_stack": self.dual_stack, "dns_capture": True, "files": files}
        self.a = self.mesh.injected("a", self.mode, **flags)  # type: ignore[arg-type]
        self.b, self.d = (
            self.mesh.injected(name, self.mode, dual_stack=self.dual_stack, ports={"tcp": DATABASE_PORT})
            for name in ("b", "d")
        )
        self.c = self.mesh.plain("c", files=files)
        records = [f"--host-record=elsewhere.example,{','.join(filter(None, (self.c.pod.ipv4, self.c.pod.ipv6)))}"]
        records += ["--host-record=old.example,192.0.2.1", "--mx-host=elsewhere.example,mail.example"]
        self.resolver = start_resolver(self.resolver_pod, self.mesh.home / "resolver.log", records)
        self.c.on_exit(self.resolver.stop)
        for pod, name in ((self.b, "b"), (self.d, "d"), (self.c, "c")):
            pod.app(HttpEcho, name, HTTP_PORT, both_families=self.dual_stack)
            pod.app(HttpEcho, f"{name}-sniffed", SNIFFED_PORT)
            pod.app(TcpEcho, name, DATABASE_PORT)
        for name in ("users", "orders"):
            self.a.envoy.wait_for_endpoint(f"outbound|{DATABASE_PORT}||{name}.{SUFFIX}")
        eventually(lambda: "dns" in self.a.envoy.listeners(), 10, what="the listener for DNS")

    def files(self) -> Mapping[Path, Path]:
        directory = self.mesh.home / "etc"
        directory.mkdir()
        address = self.resolver_pod.ipv6 if self.mesh.ipv6 else self.resolver_pod.ipv4
        return name_files(directory, nameserver=address, search="corp.example")


def services() -> Iterator[Document]:
    """No service has an address of its own; two databases have one port."""
    yield service("reviews", port=HTTP_PORT, selector={"app": "b"})
    yield service("users", port=DATABASE_PORT, port_name="tcp", selector={"app": "b"})
    yield service("orders", port=DATABASE_PORT, port_name="tcp", selector={"app": "d"})
    yield service("anything", port=SNIFFED_PORT, port_name="custom", selector={"app": "d"})
    yield service("members", port=DATABASE_PORT, port_name="tcp", selector={"app": "b"}, clusterIP="None")
    external = {"hosts": ["api.partner.example"], "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}]}
    backend = {"workloadSelector": {"labels": {"app": "b"}}, "resolution": "STATIC"}
    external["ports"][0]["targetPort"] = HTTP_PORT  # type: ignore[index]
    yield istio("ServiceEntry", "partner", {**external, **backend})


WORLDS = [
    pytest.param((Interception.REDIRECT, False, False, VERSIONS[-1]), id="REDIRECT-ipv4"),
    pytest.param((Interception.REDIRECT, False, False, VERSIONS[0]), id=f"REDIRECT-ipv4-{VERSIONS[0]}"),
    *(
        pytest.param(world, id=name, marks=pytest.mark.skipif(not has_ipv6(), reason="the kernel has no IPv6"))
        for name, world in {
            "TPROXY-ipv6": (Interception.TPROXY, True, False, VERSIONS[-1]),
            "REDIRECT-both": (Interception.REDIRECT, False, True, VERSIONS[-1]),
        }.items()
    ),
]


@pytest.fixture(scope="module", params=WORLDS)
def names(request: pytest.FixtureRequest) -> Iterator[Names]:
    mode, ipv6, dual_stack, version = request.param
    with PodMesh(envoy_binary(version), ipv6=ipv6) as mesh:
        made = Names(mesh=mesh, mode=mode, dual_stack=dual_stack)
        made.start()
        yield made


@pytest.fixture
def shared_mesh(names: Names) -> PodMesh:
    """For the logs of a failure."""
    return names.mesh


@pytest.mark.parametrize("name", ["users", "users.default", "users.default.svc", f"users.{SUFFIX}", f"users.{SUFFIX}."])
def test_a_service_without_address_has_a_name(names: Names, name: str) -> None:
    found = resolve(names.a, name)
    assert {ip_address(address).version for address in found} == names.families
    ranges = {4: ip_network(IPV4_RANGE), 6: ip_network(IPV6_RANGE)}
    assert all(ip_address(address) in ranges[ip_address(address).version] for address in found)
    assert found == resolve(names.a, "users")
    assert not set(found) & set(resolve(names.a, "orders"))


def test_the_networks_server_is_not_asked_for_names_of_the_mesh(names: Names) -> None:
    before = names.resolver.asked_for(f"orders.{SUFFIX}")
    assert resolve(names.a, f"orders.{SUFFIX}")
    assert resolve(names.c, f"orders.{SUFFIX}") == []  # a pod without sidecar has what the network has
    assert names.resolver.asked_for(f"orders.{SUFFIX}") > before
    assert names.resolver.asked_for("orders") == 0


def test_http_by_name_passes_both_sidecars(names: Names) -> None:
    a, b = Log(names.a), Log(names.b)
    answer = application(names.a, "get", "reviews", str(HTTP_PORT))
    assert answer["name"] == "b"
    assert a.one(f"outbound|{HTTP_PORT}||reviews.{SUFFIX}")["id"] == b.one(f"inbound|{HTTP_PORT}||")["id"]


def test_http_by_the_name_of_a_service_entry(names: Names) -> None:
    a = Log(names.a)
    assert application(names.a, "get", "api.partner.example", "80")["name"] == "b"
    a.one("outbound|80||api.partner.example")


def test_two_tcp_services_at_one_port_are_told_apart(names: Names) -> None:
    a, b, d = Log(names.a), Log(names.b), Log(names.d)
    assert application(names.a, "talk", "users", str(DATABASE_PORT)) == "b"
    assert application(names.a, "talk", "orders", str(DATABASE_PORT)) == "d"
    for name in ("users", "orders"):
        a.one(f"outbound|{DATABASE_PORT}||{name}.{SUFFIX}")
    for log in (b, d):
        log.one(f"inbound|{DATABASE_PORT}||")


def test_http_on_a_port_of_unknown_protocol_by_name(names: Names) -> None:
    a = Log(names.a)
    assert application(names.a, "get", "anything", str(SNIFFED_PORT))["name"] == "d-sniffed"
    assert a.one(f"outbound|{SNIFFED_PORT}||anything.{SUFFIX}")["request"] == "GET /by-name HTTP/1.1"


def test_a_headless_services_name_stands_for_its_pods(names: Names) -> None:
    assert resolve(names.a, "members") == [names.b.address]
    assert application(names.a, "talk", "members", str(DATABASE_PORT)) == "b"


def test_other_names_are_those_of_the_network(names: Names) -> None:
    everywhere = sorted(filter(None, (names.c.pod.ipv4, names.c.pod.ipv6)))
    before = names.resolver.asked_for("elsewhere.example")
    assert resolve(names.a, "elsewhere.example") == resolve(names.c, "elsewhere.example") == everywhere
    assert resolve(names.a, "old.example") == ["192.0.2.1"]  # of one family
    assert names.resolver.asked_for("elsewhere.example") > before
    assert resolve(names.a, "localhost") == ["127.0.0.1"]
    assert resolve(names.a, "nowhere.example") == resolve(names.a, "nowhere") == []
    assert application(names.a, "get", "elsewhere.example", str(HTTP_PORT))["name"] == "c"


QUERY = """
import socket, sys
server, tcp, query = sys.argv[1], sys.argv[2] == "tcp", bytes.fromhex(sys.argv[3])
kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
with socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, kind) as asking:
    asking.settimeout(5)
    asking.connect((server, 53))
    asking.send(len(query).to_bytes(2, "big") + query if tcp else query)
    print(asking.recv(4096)[2 if tcp else 0:].hex())
"""
A, MX, AAAA = 1, 15, 28
NO_ERROR, NAME_ERROR, NOT_IMPLEMENTED = 0, 3, 4


def query(names: Names, name: str, kind: int, *, over: str = "udp") -> tuple[int, int]:
    """Status and number of answers for a query that the application of pod a sends itself."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    message = struct.pack("!6H", 4711, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, kind, 1)
    server = names.resolver_pod.ipv6 if names.mesh.ipv6 else names.resolver_pod.ipv4
    answer = bytes.fromhex(names.a.run(sys.executable, "-c", QUERY, server, over, message.hex()).stdout)
    identity, flags, _, answers, _, _ = struct.unpack("!6H", answer[:12])
    assert identity == 4711
    return flags & 0xF, answers


def test_what_envoys_dns_cannot_do_is_as_documented(names: Names) -> None:
    """docs/concepts/dns.md says so; should a newer Envoy do better, so should that page."""
    assert query(names, "old.example", A) == (NO_ERROR, 1)
    assert query(names, "old.example", AAAA) == (NAME_ERROR, 0)
    assert query(names, "elsewhere.example", MX) == (NOT_IMPLEMENTED, 0)
    assert query(names, "elsewhere.example", MX, over="tcp")[0] == NO_ERROR  # TCP goes its own way
    assert query(names, "users", A if names.families == {6} else AAAA)[0] == (
        NO_ERROR if names.dual_stack else NAME_ERROR
    )


def test_a_new_service_has_a_name_at_once_and_disturbs_no_other(names: Names) -> None:
    """Of names of the mesh, that is.

    What Envoy is asking others when its table changes, it denies (docs/concepts/dns.md).
    """
    stable = resolve(names.a, "users")
    failures: list[list[str]] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            if (found := resolve(names.a, "users")) != stable:
                failures.append(found)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for number in range(5):
            added = service(f"new-{number}", port=DATABASE_PORT, port_name="tcp", selector={"app": "d"})
            names.mesh.write("new.yaml", write(added))
            found = eventually(partial(resolve, names.a, f"new-{number}"), 10, what="the new name")
            assert not set(found) & {*stable, *resolve(names.a, "orders")}
    finally:
        done.set()
        asking.join()
    assert failures == []
    assert resolve(names.a, "old.example") == ["192.0.2.1"]
    assert application(names.a, "talk", "new-4", str(DATABASE_PORT)) == "d"


def test_a_resolver_on_loopback(tmp_path: Path) -> None:
    """As Docker's at 127.0.0.11 and systemd's at 127.0.0.53: it runs beside the application and asks others itself."""
    with PodMesh(envoy_binary(VERSIONS[-1])) as mesh:
        mesh.write("services.yaml", write(service("users", port=DATABASE_PORT, port_name="tcp")))
        mesh.serve()
        tmp_path.chmod(0o755)
        etc = mesh.home / "etc"
        etc.mkdir()
        files = name_files(etc, nameserver="127.0.0.53")
        a = mesh.injected("a", Interception.REDIRECT, flags=REDIRECT_DNS, dns_capture=True, files=files)
        network = mesh.network.pod("resolver")
        records = ["--host-record=elsewhere.example,192.0.2.7"]
        running = [start_resolver(network, mesh.home / "resolver.log", records)]
        running.append(
            start_resolver(a.pod, mesh.home / "stub.log", [], addresses=["127.0.0.53"], forward_to=network.ipv4)
        )
        try:
            assert eventually(lambda: resolve(a, "users"), 10, what="the name")
            assert resolve(a, "elsewhere.example") == ["192.0.2.7"]
            assert resolve(a, "nowhere.example") == []
        finally:
            for one in running:
                one.stop()
