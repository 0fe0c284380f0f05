"""The whole: tokens, identities, certificates and roots that change, and mutual TLS between applications.

Two shops and two clients, one of each with a stock Envoy and one with an agent: every change is seen under requests in
all four directions, over connections that last and over new ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness.agent import MTLS_PORT, Agent
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import service, write
from tests.e2e.harness.envoys import Envoy
from tests.e2e.harness.identity import Identity, certificates, serial_number
from tests.e2e.harness.mesh import APP_PORT, PROXY_PORT, SERVICE_PORT, Mesh, Workload
from tests.e2e.harness.traffic import Lasting, Traffic
from tests.e2e.harness.upstreams import HttpEcho
from tests.e2e.test_mutual_tls import CLIENT, CLUSTER, SHOP, URL, caller, plain, policy


@dataclass
class Shops:
    """The shop with both deliveries, and the traffic to it from clients of both."""

    identity: Identity
    lifetime: str
    stack: ExitStack
    home: Path
    stock: list[Workload] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)

    def serve(self) -> None:
        """Start the control plane, also again."""
        host, _ = self.identity.mesh.control_plane.xds
        self.identity.serve("--certificate-ttl", self.lifetime, "--xds-mtls-address", f"{host}:{MTLS_PORT}")

    def start(self) -> None:
        """Everybody, until both clients have both shops."""
        identity, mesh = self.identity, self.identity.mesh
        mesh.write("shop.yaml", write(service("shop"), policy("STRICT", namespace="istio-system")))
        self.serve()
        for name in ("shop", "client"):
            tls = identity.tls(identity.token(name), follows_roots=True)
            self.stock.append(mesh.workload(f"stock-{name}", {"app": name}, service_account=name, xds_tls=tls))
        ports = ("--port", f"http={SERVICE_PORT}", "--app-port", f"http={APP_PORT}", "--labels", "app=shop")
        self.agents = [
            self._agent("shop", *ports),
            self._agent("client", "--http-proxy-port", str(PROXY_PORT)),
        ]
        self.stack.callback(HttpEcho("agent", self.agents[0].host, APP_PORT).stop)
        for agent in self.agents:
            eventually(lambda agent=agent: "Envoy is ready" in agent.log(), 30, what="an Envoy that is ready")  # type: ignore[misc]
        for client in (self.stock[1].sidecar, self.agents[1].envoy):
            client.wait_for_endpoint(CLUSTER, 2, 20)

    @property
    def envoys(self) -> list[Envoy]:
        return [*(one.sidecar for one in self.stock), *(one.envoy for one in self.agents)]

    @contextmanager
    def traffic(self) -> Iterator[None]:
        """Requests of both clients until the end of the block, of which none may fail and each shop serves some."""
        proxies = [(self.stock[1].host, PROXY_PORT), (self.agents[1].host, PROXY_PORT)]
        running = [kind(proxy, URL, workers=1, pause=0.01) for proxy in proxies for kind in (Traffic, Lasting)]
        with ExitStack() as stack:
            for one in running:
                stack.enter_context(one)
            for one in running:
                eventually(lambda one=one: len(one.names()) == 2, 10, what="answers of both shops")  # type: ignore[misc]
            yield
        for one in running:
            assert {outcome.error or outcome.status for outcome in one.outcomes} == {200}

    def _agent(self, account: str, *arguments: str) -> Agent:
        agent = Agent(
            self.identity, account, self.home / account, "--certificate-ttl", self.lifetime, "--drain-seconds", "0",
            *arguments,
        )  # fmt: skip
        token = agent.home / "token"
        token.write_text(self.identity.token(account, "default", "--once"))
        self.stack.callback(agent.stop)
        agent.start("--token", str(token))
        return agent


@pytest.fixture
def start_shops(mesh: Mesh, tmp_path: Path) -> Iterator[Callable[[str], Shops]]:
    with ExitStack() as stack:

        def start(lifetime: str) -> Shops:
            shops = Shops(Identity(mesh), lifetime, stack, tmp_path)
            shops.start()
            return shops

        yield start


def test_a_strict_mesh_under_constant_renewal(start_shops: Callable[[str], Shops]) -> None:
    shops = start_shops("3s")
    told = caller(shops.stock[1].call(URL))
    assert CLIENT in told
    assert SHOP in told
    assert plain(shops.stock[0]) == 0
    seen: dict[int, set[str]] = {number: set() for number in range(len(shops.envoys))}

    def has_seen(rotations: int) -> bool:
        for number, envoy in enumerate(shops.envoys):
            seen[number].add(serial_number(envoy))
        return min(map(len, seen.values())) > rotations

    with shops.traffic():
        eventually(lambda: has_seen(20), 60, what="twenty renewals of everybody")


def test_another_root_takes_over_under_traffic(start_shops: Callable[[str], Shops]) -> None:
    shops = start_shops("4s")
    identity = shops.identity
    before = list(map(serial_number, shops.envoys))
    with shops.traffic():
        identity.citadel("root prepare")
        identity.activate_root()
        renewed = lambda: not set(before) & set(map(serial_number, shops.envoys))  # noqa: E731
        eventually(renewed, 15, what="certificates of the new root for everybody")
        assert "may still hold" in identity.refusal("root", "retire")
        retire = lambda: identity.citadel("root", "retire", "--leaf-ttl", "4s") and True  # noqa: E731
        eventually(lambda: succeeds(retire), 15, what="the end of the old root")
        new = identity.roots
        assert new.count("BEGIN CERTIFICATE") == 1
        for agent in shops.agents:
            kept = agent.directory / "root-cert.pem"
            eventually(lambda kept=kept: kept.read_text() == new, 10, what="the new root alone")  # type: ignore[misc]
        held = serial_numbers(shops.agents)
        eventually(lambda: not held & serial_numbers(shops.agents), 10, what="renewals by the new root alone")
    # Whoever comes back must know the control plane by its new root, also an Envoy whose bootstrap is from before.
    identity.mesh.control_plane.kill()
    shops.serve()
    came_back = lambda: all(is_connected(one.sidecar) for one in shops.stock)  # noqa: E731
    eventually(came_back, 20, what="streams to a control plane of the new root")


def test_a_control_plane_that_is_away_for_more_than_half_a_lifetime(start_shops: Callable[[str], Shops]) -> None:
    shops = start_shops("40s")
    before = list(map(serial_number, shops.envoys))
    with shops.traffic():
        shops.identity.mesh.control_plane.kill()
        died = datetime.now(UTC)
        half = timedelta(seconds=20)
        eventually(lambda: datetime.now(UTC) - died > half, 25, what="half a lifetime")
        assert list(map(serial_number, shops.envoys)) == before, "nobody could renew"
        shops.serve()
        renewed = lambda: not set(before) & set(map(serial_number, shops.envoys))  # noqa: E731
        eventually(renewed, 15, what="another certificate for everybody")
        eventually(lambda: all(map(is_connected, shops.envoys)), 10, what="everybody's stream")
    assert all(expires(leaf) > datetime.now(UTC) for envoy in shops.envoys for leaf in certificates(envoy))


def is_connected(envoy: Envoy) -> bool:
    return envoy.stat("control_plane.connected_state") == 1


def serial_numbers(agents: list[Agent]) -> set[str]:
    return {serial_number(agent.envoy) for agent in agents}


def succeeds(command: Callable[[], object]) -> bool:
    """Whether ``command``, a call of citadel, is taken."""
    try:
        command()
    except Exception:
        return False
    return True


def expires(certificate: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(certificate["expiration_time"])
