"""`pilot agent` with a real Envoy: joined by a one-time token, renewed by certificate, restarted, ended."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import jwt
import pytest

from citadel.x509 import decode_certificates
from tests.e2e.harness.agent import MTLS_PORT, Agent
from tests.e2e.harness.client import request
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.documents import istio, service
from tests.e2e.harness.documents import write as yaml_of
from tests.e2e.harness.envoy_versions import VERSIONS, envoy_binary
from tests.e2e.harness.envoys import Envoy
from tests.e2e.harness.identity import Identity, certificates, is_expired, serial_number
from tests.e2e.harness.mesh import APP_PORT, PROXY_PORT, SERVICE_PORT, Mesh
from tests.e2e.harness.traffic import Lasting, Traffic
from tests.e2e.harness.upstreams import HttpEcho
from tests.e2e.harness.variants import both_variants, every_envoy

SHOP_URL = f"http://shop:{SERVICE_PORT}/"
SHOP_CLUSTER = f"outbound|{SERVICE_PORT}||shop.default.svc.cluster.local"
StartAgent = Callable[..., Agent]
SERVICE_ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: later}
spec:
  hosts: [later.example]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  location: MESH_EXTERNAL
  endpoints: [{address: 127.0.0.1}]
"""


@pytest.fixture
def identity(mesh: Mesh) -> Identity:
    mesh.write("empty.yaml", "")
    found = Identity(mesh)
    serve(found)
    return found


def serve(identity: Identity) -> None:
    host, _ = identity.mesh.control_plane.xds
    identity.serve("--allow-empty", "--xds-mtls-address", f"{host}:{MTLS_PORT}")


@pytest.fixture
def start_agent(identity: Identity, tmp_path: Path) -> Iterator[StartAgent]:
    """An agent that joins by a one-time token."""
    with ExitStack() as stack:

        def start(*arguments: str, account: str = "reviews", ttl: str = "1h") -> Agent:
            agent = Agent(identity, account, tmp_path / account, *arguments)
            token = agent.home / "token"
            token.write_text(identity.token(account, "default", "--once", ttl=ttl))
            stack.callback(agent.stop)
            agent.start("--token", str(token))
            eventually(lambda: "Envoy is ready" in agent.log(), 60, what="an Envoy that is ready")
            return agent

        yield start


def has_expired(token: str) -> bool:
    """Whether this join token is good for nothing any more."""
    expires: float = jwt.decode(token, options={"verify_signature": False})["exp"]
    return time.time() > expires


@both_variants
def test_a_certificate_is_renewed_by_itself_after_the_token_has_expired(
    identity: Identity, start_agent: StartAgent
) -> None:
    agent = start_agent("--certificate-ttl", "8s", ttl="15s")
    token = (agent.home / "token").read_text()
    eventually(lambda: has_expired(token), 30, what="the end of the token")
    held = serial_number(agent.envoy)
    eventually(lambda: serial_number(agent.envoy) != held, 30, what="a renewal after it")
    (leaf,) = certificates(agent.envoy)
    assert leaf["subject_alt_names"] == [{"uri": "spiffe://cluster.local/ns/default/sa/reviews"}]
    assert not is_expired(leaf)
    control_plane = identity.mesh.control_plane
    assert control_plane.log().count("by join token") == 1
    assert "by certificate" in control_plane.log()
    assert "refused" not in control_plane.log()
    identity.mesh.write("later.yaml", SERVICE_ENTRY)
    eventually(lambda: any("later.example" in name for name in agent.envoy.clusters()), 10, what="new configuration")
    texts = [agent.log(), control_plane.log(), "\n".join(agent.envoy.lines()), agent.envoy.admin("/config_dump")]
    assert not any("PRIVATE KEY" in text or token in text for text in texts)


def test_an_envoy_that_is_killed_is_started_again_and_sigterm_ends_everything(start_agent: StartAgent) -> None:
    agent = start_agent("--drain-seconds", "0.2")
    first = eventually(agent.envoy_pid)
    serial = serial_number(agent.envoy)
    os.kill(first, signal.SIGKILL)
    second = eventually(lambda: {agent.envoy_pid()} - {None, first}, 10, what="another Envoy").pop()
    eventually(lambda: agent.envoy.request("GET", "/ready")[0] == 200, 10, what="readiness")
    assert serial_number(agent.envoy) == serial
    agent.process.terminate()
    assert agent.process.wait(10) == 0
    assert second is not None
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)
    assert sorted(path.name for path in agent.directory.iterdir()) == [
        "envoy.json", "envoy.log", "identity.pem", "root-cert.pem",
    ]  # fmt: skip


def test_an_agent_that_comes_back_needs_no_token(identity: Identity, start_agent: StartAgent) -> None:
    agent = start_agent("--drain-seconds", "0")
    serial = serial_number(agent.envoy)
    first = eventually(agent.envoy_pid)
    agent.process.kill()
    agent.process.wait()
    # With hot restart Envoy asks the kernel to end it with its parent: it serves no certificate that nobody renews.
    eventually(lambda: not is_running(first), 10, what="the end of the first Envoy")
    agent.start()
    eventually(lambda: agent.log().count("Envoy is ready") == 2, 20, what="readiness")
    assert agent.envoy_pid() not in (None, first)
    assert serial_number(agent.envoy) == serial
    assert identity.mesh.control_plane.log().count("by join token") == 1


@pytest.fixture
def strict_shop(identity: Identity, start_agent: StartAgent) -> Iterator[tuple[Agent, Agent]]:
    """The agents of a shop and of a client whose certificates live briefly; between them mutual TLS only."""
    policy = istio("PeerAuthentication", "default", {"mtls": {"mode": "STRICT"}})
    policy["apiVersion"] = "security.istio.io/v1"
    identity.mesh.write("shop.yaml", yaml_of(service("shop"), policy))
    ports = ("--port", f"http={SERVICE_PORT}", "--app-port", f"http={APP_PORT}")
    brief = ("--certificate-ttl", "6s", "--drain-seconds", "0")
    shop = start_agent(*ports, *brief, "--labels", "app=shop", account="shop")
    client = start_agent(*brief, "--http-proxy-port", str(PROXY_PORT), account="client")
    app = HttpEcho("shop", shop.host, APP_PORT)
    eventually(lambda: request((client.host, PROXY_PORT), SHOP_URL).status == 200, 15, what="an answer of the shop")
    yield shop, client
    app.stop()


@every_envoy
def test_mutual_tls_by_keys_of_the_agents_own_while_they_change(strict_shop: tuple[Agent, Agent]) -> None:
    shop, client = strict_shop
    seen: set[str] = set()
    while len(seen) < 3:
        answer = request((client.host, PROXY_PORT), SHOP_URL)
        assert answer.status == 200
        assert "URI=spiffe://cluster.local/ns/default/sa/client" in answer.json["headers"]["x-forwarded-client-cert"]
        seen |= {serial_number(shop.envoy)}
    for agent in (shop, client):
        eventually(lambda agent=agent: serial_numbers(agent.envoy) == {held_by(agent)}, 5, what="the agent's own alone")  # type: ignore[misc]


@every_envoy
def test_an_agent_leaves_and_comes_back_without_a_failed_request(identity: Identity, start_agent: StartAgent) -> None:
    identity.mesh.write("shop.yaml", yaml_of(service("shop")))
    ports = ("--port", f"http={SERVICE_PORT}", "--app-port", f"http={APP_PORT}", "--labels", "app=shop")
    shops = {name: start_agent(*ports, account=name) for name in ("shop-a", "shop-b")}
    client = start_agent("--http-proxy-port", str(PROXY_PORT), account="client")
    leaving = shops["shop-a"]
    with ExitStack() as stack:
        for name, shop in shops.items():
            stack.callback(HttpEcho(name, shop.host, APP_PORT).stop)
        client.envoy.wait_for_endpoint(SHOP_CLUSTER, 2)
        # Once as fast as connections to the sidecar are made, once on connections that last.
        brief = stack.enter_context(Traffic((client.host, PROXY_PORT), SHOP_URL))
        lasting = stack.enter_context(Lasting((client.host, PROXY_PORT), SHOP_URL))

        def both(since: float) -> bool:
            return len(brief.names(since=since)) == len(lasting.names(since=since)) == 2

        eventually(lambda: both(0.0), 15, what="answers of both")
        leaving.process.terminate()
        eventually(lambda: len(client.envoy.endpoints(SHOP_CLUSTER)) == 1, 5, what="one endpoint less")
        assert leaving.process.poll() is None, "peers turn away while it still serves"
        assert leaving.process.wait(15) == 0
        alone = time.monotonic()
        eventually(lambda: brief.names(since=alone)["shop-b"] > 20, 10, what="answers of the other")
        leaving.start()
        eventually(lambda: leaving.log().count("Envoy is ready") == 2, 20, what="readiness")
        eventually(lambda: both(alone), 15, what="answers of both again")
    assert not brief.failures
    assert not lasting.failures


def test_another_envoy_takes_over_without_a_failed_request(
    identity: Identity, start_agent: StartAgent, tmp_path: Path
) -> None:
    older, newer = envoy_binary(VERSIONS[-2]), envoy_binary(VERSIONS[-1])
    binary, broken = tmp_path / "envoy", tmp_path / "broken"
    binary.symlink_to(older)
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)

    def replace_by(other: Path) -> None:
        (tmp_path / "next").symlink_to(other)
        (tmp_path / "next").replace(binary)

    identity.mesh.write("shop.yaml", yaml_of(service("shop")))
    ports = ("--port", f"http={SERVICE_PORT}", "--app-port", f"http={APP_PORT}", "--labels", "app=shop")
    override = tmp_path / "override.yaml"
    override.write_text("stats_flush_interval: 7s\n")
    flags = ("--envoy", str(binary), "--bootstrap-override", str(override), "--drain-seconds", "0")
    shop = start_agent(*ports, *flags, account="shop")
    client = start_agent("--http-proxy-port", str(PROXY_PORT), account="client")
    first = eventually(shop.envoy_pid)
    memory = set(shared_memory(first))
    with ExitStack() as stack:
        stack.callback(HttpEcho("shop", shop.host, APP_PORT).stop)
        client.envoy.wait_for_endpoint(SHOP_CLUSTER, 1)
        eventually(lambda: request((client.host, PROXY_PORT), SHOP_URL).status == 200, 15, what="an answer")
        brief = stack.enter_context(Traffic((client.host, PROXY_PORT), SHOP_URL, workers=1))
        lasting = stack.enter_context(Lasting((client.host, PROXY_PORT), SHOP_URL, workers=1))
        replace_by(broken)
        eventually(lambda: "cannot take its place" in shop.log(), 20, what="a complaint")
        assert VERSIONS[-2] in shop.envoy.admin("/server_info")
        replace_by(newer)
        eventually(lambda: "it has taken over" in shop.log(), 60, what="another Envoy")
        assert VERSIONS[-1] in shop.envoy.admin("/server_info")
        eventually(lambda: not is_running(first), 30, what="the end of the first Envoy")
        assert "7s" in bootstrap_of(shop)["stats_flush_interval"]
        override.write_text("stats_flush_interval: soon\n")
        eventually(lambda: shop.log().count("cannot take its place") == 2, 20, what="a complaint of the override")
        assert shop.log().count("it has taken over") == 1
        override.write_text("stats_flush_interval: 9s\n")
        eventually(lambda: shop.log().count("it has taken over") == 2, 60, what="an Envoy with the other bootstrap")
        assert "9s" in bootstrap_of(shop)["stats_flush_interval"]
        shop.process.send_signal(signal.SIGHUP)
        eventually(
            lambda: shop.log().count("it has taken over") == 3, 60, what="another Envoy because it was asked for"
        )
    assert brief.outcomes
    assert lasting.outcomes
    assert not brief.failures
    assert not lasting.failures
    shop.stop()
    assert memory
    assert not [path for path in memory if path.exists()]


def bootstrap_of(agent: Agent) -> dict[str, str]:
    """What the Envoy that runs now was started with."""
    dump = json.loads(agent.envoy.admin("/config_dump?resource=&mask="))
    (found,) = (one["bootstrap"] for one in dump["configs"] if "bootstrap" in one)
    return dict(found)


def shared_memory(pid: int) -> list[Path]:
    """The files of shared memory that process ``pid`` has mapped."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return [Path(line.split()[-1]) for line in lines if "envoy_shared_memory_" in line]


def is_running(pid: int) -> bool:
    """Whether there is such a process; one that has ended and that nobody has waited for is none."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return False


def serial_numbers(envoy: Envoy) -> set[int]:
    return {int(leaf["serial_number"], 16) for leaf in certificates(envoy)}


def held_by(agent: Agent) -> int:
    """The serial number of the certificate for the key that lies on the agent's disk."""
    return int(decode_certificates((agent.directory / "identity.pem").read_bytes())[0].serial_number, 16)
