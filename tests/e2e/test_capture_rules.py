"""What `pilot redirect` captures, by every tool that can write the rules, in pods without any Envoy.

Listeners stand where a proxy would. Each tells its name first, so that a connection shows where it was led.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import pilot.commands.redirect
from tests.e2e.harness.upstreams import TcpEcho
from tests.e2e.namespaces.netns import has_ipv6, sockets_of, unavailable
from tests.e2e.namespaces.network import Pod, PodNetwork
from tests.e2e.namespaces.pod_mesh import PROXY_UID, redirect

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable())

BACKENDS = ("iptables-nft", "iptables-legacy", "nft")
MODES = ("REDIRECT", "TPROXY")
IP_TRANSPARENT, IPV6_TRANSPARENT = 19, 75
LEGACY_TOOLS = [("iptables-legacy-save",), ("ip6tables-legacy-save",)]
VIP = {4: "10.96.0.10", 6: "fd00:10::10"}


class Stage:
    """``x`` is captured, ``y`` is not. In ``x`` stand "outbound" (15001), "inbound" (15006) and "app"; in ``y`` "y"."""

    def __init__(self, version: int) -> None:
        self.version = version
        self._stack = ExitStack()
        self.network = self._stack.enter_context(PodNetwork())
        self.x, self.y = self.network.pod("x"), self.network.pod("y")
        self._listen(self.x, "outbound", 15001)
        inbound = self._listen(self.x, "inbound", 15006)
        level, option = (socket.SOL_IP, IP_TRANSPARENT) if version == 4 else (socket.IPPROTO_IPV6, IPV6_TRANSPARENT)
        inbound.socket.setsockopt(level, option, 1)
        for port in (80, 8080, 9090, 15008, 15020, 15021, 15090):
            self._listen(self.x, "app", port)
            self._listen(self.y, "y", port)

    def close(self) -> None:
        self._stack.close()

    def address(self, pod: Pod) -> str:
        return pod.ipv4 if self.version == 4 else pod.ipv6

    def _listen(self, pod: Pod, name: str, port: int) -> TcpEcho:
        with pod.namespace.entered():
            echo = TcpEcho(name, "0.0.0.0" if self.version == 4 else "::", port)
        self._stack.callback(echo.stop)
        return echo

    def ask(self, pod: Pod, address: str, port: int) -> str:
        """Who answers a process of ``pod`` that connects to ``address``; the error when nobody does."""
        try:
            with pod.namespace.entered(), socket.create_connection((address, port), 3) as connection:
                return connection.makefile().readline().strip()
        except OSError as error:
            return type(error).__name__

    def ask_as(self, uid: int, address: str, port: int, *, gid: int | None = None) -> str:
        """The same from pod ``x``, for a process of another user."""
        with sockets_of(uid, uid if gid is None else gid):
            return self.ask(self.x, address, port)

    def into(self, port: int) -> str:
        return self.ask(self.y, self.address(self.x), port)

    def out(self, port: int = 8080) -> str:
        return self.ask(self.x, self.address(self.y), port)


@pytest.fixture(scope="module", params=[4, pytest.param(6, marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6"))])
def _stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    made = Stage(request.param)
    yield made
    made.close()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stage(_stage: Stage, backend: str) -> Iterator[Stage]:
    yield _stage
    redirect(_stage.x, f"--clean-up --backend {backend}")


@pytest.mark.parametrize("mode", MODES)
def test_everything_is_captured_but_what_must_not_be(stage: Stage, backend: str, mode: str) -> None:
    redirect(stage.x, f"--backend {backend} -m {mode}")
    own = stage.address(stage.x)
    assert stage.out() == "outbound"
    assert stage.ask(stage.x, VIP[stage.version], 80) == "outbound"
    assert stage.into(8080) == "inbound"
    assert {port: stage.into(port) for port in (15008, 15020, 15021, 15090)} == dict.fromkeys(
        (15008, 15020, 15021, 15090), "app"
    )
    # A workload may talk to itself; its proxy's connections to it go in by the front door.
    assert stage.ask(stage.x, loopback(own), 8080) == "app"
    assert stage.ask(stage.x, own, 8080) == "app"
    assert stage.ask_as(PROXY_UID, own, 8080) == "inbound"
    assert stage.ask_as(PROXY_UID, stage.address(stage.y), 8080) == "y"
    assert stage.ask_as(1000, stage.address(stage.y), 8080) == "outbound"
    assert stage.ask_as(1000, stage.address(stage.y), 8080, gid=PROXY_UID) == "y"


@pytest.mark.parametrize("mode", MODES)
def test_the_proxys_connections_to_its_application_are_not_captured_again(
    stage: Stage, backend: str, mode: str
) -> None:
    redirect(stage.x, f"--backend {backend} -m {mode}")
    source = "127.0.0.6" if stage.version == 4 else "::6"
    with (
        stage.x.namespace.entered(),
        socket.create_connection((stage.address(stage.x), 8080), 3, source_address=(source, 0)) as connection,
    ):
        assert connection.makefile().readline() == "app\n"


@pytest.mark.parametrize("mode", MODES)
def test_lists(stage: Stage, backend: str, mode: str) -> None:
    def capture(flags: str) -> None:
        redirect(stage.x, f"--backend {backend} -m {mode} {flags}")

    capture("-b 8080,80 -d 80")
    assert [stage.into(port) for port in (8080, 80, 9090)] == ["inbound", "app", "app"]
    capture("-b ''")
    assert [stage.into(8080), stage.out()] == ["app", "outbound"]
    capture("-o 80,9090")
    assert [stage.out(port) for port in (8080, 80, 9090)] == ["outbound", "y", "y"]
    range_of_y = "198.18.0.0/24" if stage.version == 4 else "fd00:18::/64"
    capture(f"-x {range_of_y}")
    assert [stage.out(), stage.ask(stage.x, VIP[stage.version], 80)] == ["y", "outbound"]
    capture("-i 10.96.0.0/16,fd00:10::/32")
    assert [stage.out(), stage.ask(stage.x, VIP[stage.version], 80)] == ["y", "outbound"]
    capture("-i 10.96.0.0/16,fd00:10::/32 -q 9090")
    assert [stage.out(), stage.out(9090)] == ["y", "outbound"]
    capture("-c eth0")
    assert [stage.out(), stage.into(8080)] == ["y", "app"]
    capture("-k eth0")  # what comes from a virtual machine counts as outbound
    assert stage.into(8080) == ("outbound" if mode == "REDIRECT" else "inbound")
    capture("--exclude-owner-groups 1000")
    assert [stage.ask_as(1000, stage.address(stage.y), 80), stage.out()] == ["y", "outbound"]
    capture("--include-owner-groups 1000")
    assert [stage.ask_as(1000, stage.address(stage.y), 80), stage.out()] == ["outbound", "y"]


def test_a_second_run_changes_nothing_and_clean_up_leaves_nothing(stage: Stage, backend: str) -> None:
    def rules() -> list[str]:
        tools = [("nft", "-s", "list", "ruleset")] if backend != "iptables-legacy" else LEGACY_TOOLS
        lines = [line for tool in tools for line in stage.x.namespace.run(*tool).stdout.splitlines()]
        # What is left is rules, and chains of ours. The kernel keeps its own chains once they were used.
        noise = ("#", ":", "*", "COMMIT", "table ip", "\tchain PREROUTING", "\tchain OUTPUT", "\t\ttype", "\t}", "}")
        return [line for line in lines if line and not line.startswith(noise)]

    before = rules()
    for flags in (
        "",
        "-m TPROXY --capture-all-dns --drop-invalid",
        "-b 80 -i 10.0.0.0/8,fd00::/8 -o 25 -c eth7 -k eth8",
    ):
        assert "capturing" in redirect(stage.x, f"--backend {backend} {flags}")
        captured = rules()
        assert captured != before
        assert "nothing changed" in redirect(stage.x, f"--backend {backend} {flags}")
        assert rules() == captured
    assert "removed" in redirect(stage.x, f"--backend {backend} --clean-up")
    assert rules() == before
    assert "nothing changed" in redirect(stage.x, f"--backend {backend} --clean-up")
    addresses = stage.x.namespace.run("ip", "addr", "show", "dev", "lo").stdout
    policy = stage.x.namespace.run("ip", "rule").stdout + stage.x.namespace.run("ip", "-6", "rule").stdout
    assert "::6/128" not in addresses
    assert "fwmark" not in policy
    assert [stage.out(), stage.into(8080)] == ["y", "app"]


@pytest.mark.parametrize("restore", ["iptables-nft", "iptables-legacy"])
def test_rules_of_others_stay(stage: Stage, backend: str, restore: str) -> None:
    others = "*nat\n:DOCKER_OUTPUT - [0:0]\n-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT\nCOMMIT\n"
    stage.x.namespace.run(f"{restore}-restore", "-n", text=others)
    redirect(stage.x, f"--backend {backend}")
    redirect(stage.x, f"--backend {backend} --clean-up")
    left = stage.x.namespace.run(f"{restore}-save", "-t", "nat").stdout
    assert "-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT" in left
    stage.x.namespace.run(restore, "-t", "nat", "-F")
    stage.x.namespace.run(restore, "-t", "nat", "-X")


@pytest.mark.parametrize("nameserver", ["198.18.0.12", "127.0.0.11"], ids=["zones", "docker"])
def test_dns_queries_are_led_to_the_proxy_but_not_its_own(
    stage: Stage, backend: str, nameserver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text(f"nameserver {nameserver}\n")
    monkeypatch.setattr(pilot.commands.redirect, "RESOLV_CONF", resolv_conf)
    redirect(stage.x, f"--backend {backend} --capture-all-dns --dns-tcp")
    resolver = stage.address(stage.y)
    with datagram_server(stage.x, "proxy", resolver, 15053), datagram_server(stage.y, "resolver", resolver, 53):
        with stage.x.namespace.entered():
            answer, port = query(resolver)
            assert answer == "proxy"
            assert query(VIP[stage.version])[0] == "proxy"
            # Not even from a port whose query was led away a moment ago, where zones can be kept apart.
            with sockets_of(PROXY_UID, PROXY_UID):
                assert query(resolver, port if nameserver != "127.0.0.11" else 0)[0] == "resolver"
        assert stage.ask(stage.x, resolver, 53) == "ConnectionRefusedError"  # TCP too: nobody listens on 15053


def query(server: str, own_port: int = 0) -> tuple[str, int]:
    """Who answers a datagram to the DNS port, and from which port it was sent. Answers from elsewhere do not count."""
    with datagram_socket(server) as asking:
        asking.settimeout(3)
        asking.bind(("", own_port))
        asking.connect((server, 53))
        asking.send(b"?")
        return asking.recv(100).decode(), asking.getsockname()[1]


@contextmanager
def datagram_server(pod: Pod, name: str, family_of: str, port: int) -> Iterator[None]:
    """Answers every datagram with ``name``, with a socket of the proxy's user."""
    with pod.namespace.entered(), sockets_of(PROXY_UID, PROXY_UID):
        answering = datagram_socket(family_of)
        # A query that is led away arrives at loopback, and its answer must come from there.
        answering.bind((loopback(family_of) if port == 15053 else "", port))

    def serve() -> None:
        while (received := answering.recvfrom(100))[0] != b"end":
            answering.sendto(name.encode(), received[1])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        with pod.namespace.entered(), datagram_socket(family_of) as ending:
            ending.sendto(b"end", (loopback(family_of), port))
        thread.join(5)
        answering.close()


def loopback(family_of: str) -> str:
    return "::1" if ":" in family_of else "127.0.0.1"


def datagram_socket(family_of: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in family_of else socket.AF_INET, socket.SOCK_DGRAM)
