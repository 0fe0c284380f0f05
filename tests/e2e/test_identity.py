"""Identities on a real Envoy: secrets over the xDS stream, who gets none, and certificates that change unseen."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from pilot.dataplane.bootstrap import SocketAddress
from tests.e2e.harness.conditions import eventually
from tests.e2e.harness.envoys import Envoy
from tests.e2e.harness.identity import TLS_PORT, Identity, certificates, is_expired, serial_number
from tests.e2e.harness.mesh import Mesh
from tests.e2e.harness.variants import both_variants


@pytest.fixture
def identity(mesh: Mesh) -> Identity:
    mesh.write("empty.yaml", "")
    return Identity(mesh)


def start(identity: Identity, *arguments: str) -> None:
    identity.serve("--allow-empty", *arguments)


def connect(envoy: Envoy, context: ssl.SSLContext) -> http.client.HTTPConnection:
    host = envoy.options.ip
    connection = http.client.HTTPConnection(host, TLS_PORT, timeout=10)
    connection.sock = context.wrap_socket(socket.create_connection((host, TLS_PORT), 10))
    return connection


def get(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    return answer.status


@both_variants
def test_an_envoy_with_a_token_serves_by_its_own_certificate(identity: Identity, tmp_path: Path) -> None:
    start(identity)
    envoy = identity.envoy("reviews", identity.token("reviews"))
    envoy.wait_ready()
    # One for each listener that presents it, those of mutual TLS included.
    names = {name["uri"] for leaf in certificates(envoy) for name in leaf["subject_alt_names"]}
    assert names == {"spiffe://cluster.local/ns/default/sa/reviews"}
    context = identity.client_context("productpage", tmp_path / "client")
    connection = connect(envoy, context)
    assert get(connection) == 200
    connection.close()


@pytest.mark.parametrize(
    ("account", "flags", "reason"),
    [("", (), "UNAUTHENTICATED"), ("bob", (), "PERMISSION_DENIED"), ("reviews", ("--once",), "UNAUTHENTICATED")],
    ids=["no token", "the token of another", "a token used before"],
)
def test_an_envoy_that_proves_nothing_gets_nothing(
    identity: Identity, account: str, flags: tuple[str, ...], reason: str
) -> None:
    start(identity)
    token = identity.token(account, "default", *flags) if account else ""
    if flags:
        first = identity.envoy("reviews", token, name="first")
        first.wait_ready()
    envoy = identity.envoy("reviews", token, name="second")
    log = identity.mesh.control_plane.log
    eventually(lambda: "refused" in log() and reason in log(), 10)
    eventually(lambda: envoy.stat("cluster.xds-grpc.upstream_rq_total") >= 2, 10, what="another try")
    assert not certificates(envoy)
    assert envoy.stat("sds.default.update_success") == 0
    assert "second" not in identity.mesh.control_plane.get("/debug/syncz").text


def test_a_stream_ends_with_its_token_and_the_envoy_serves_on(identity: Identity, tmp_path: Path) -> None:
    start(identity)
    token = identity.token("reviews", ttl="4s")
    envoy = identity.envoy("reviews", token)
    envoy.wait_ready()
    log = identity.mesh.control_plane.log
    eventually(lambda: "refused" in log() and "expired" in log(), 15, what="the expired token refused")
    assert get(connect(envoy, identity.client_context("productpage", tmp_path / "client"))) == 200
    assert token not in log()


def test_anothers_secret_is_not_served_while_its_owner_has_it(identity: Identity, tmp_path: Path) -> None:
    start(identity)
    owner = identity.envoy("reviews", identity.token("reviews"))
    owner.wait_ready()
    thief = identity.envoy("ratings", identity.token("ratings"), secret="spiffe://cluster.local/ns/default/sa/reviews")
    eventually(lambda: thief.stat("sds.ROOTCA.update_success") > 0, 10, what="the roots, which are everybody's")
    assert not any("sa/reviews" in str(leaf) for leaf in certificates(thief))
    context = identity.client_context("productpage", tmp_path / "client")
    assert get(connect(owner, context)) == 200
    with pytest.raises((ssl.SSLError, OSError)):
        connect(thief, context)


def test_certificates_change_without_a_failed_request(identity: Identity, tmp_path: Path) -> None:
    start(identity, "--certificate-ttl", "2s")
    envoy = identity.envoy("reviews", identity.token("reviews"))
    envoy.wait_ready()
    context = identity.client_context("productpage", tmp_path / "client")
    outcomes: Counter[str] = Counter()
    stopping = threading.Event()

    def ask() -> None:
        lasting = connect(envoy, context)
        while not stopping.is_set():
            outcomes[f"lasting {get(lasting)}"] += 1
            brief = connect(envoy, context)
            outcomes[f"new {get(brief)}"] += 1
            brief.close()
        lasting.close()

    def ask_and_tell() -> None:
        try:
            ask()
        except (OSError, http.client.HTTPException) as error:
            outcomes[f"failed: {error!r}"] += 1

    asking = threading.Thread(target=ask_and_tell)
    asking.start()
    seen = set()
    try:
        eventually(lambda: seen.add(serial_number(envoy)) or len(seen) >= 6, 30, what="five renewals")  # type: ignore[func-returns-value]
    finally:
        stopping.set()
        asking.join(30)
    assert set(outcomes) == {"lasting 200", "new 200"}, outcomes
    assert not any(map(is_expired, certificates(envoy)))
    assert envoy.stat("listener_manager.listener_modified") == 0


def test_another_root_takes_over_under_traffic(identity: Identity, tmp_path: Path) -> None:
    start(identity, "--certificate-ttl", "10s")
    envoy = identity.envoy("reviews", identity.token("reviews"))
    envoy.wait_ready()
    before = identity.client_context("productpage", tmp_path / "before")
    assert get(connect(envoy, before)) == 200
    held = serial_number(envoy)
    roots = envoy.stat("sds.ROOTCA.update_success")
    identity.citadel("root prepare")
    eventually(lambda: envoy.stat("sds.ROOTCA.update_success") > roots, 10, what="both roots")
    assert serial_number(envoy) == held
    identity.activate_root()
    eventually(lambda: serial_number(envoy) != held, 10, what="a certificate of the new root")
    both = identity.client_context("productpage", tmp_path / "after")
    assert get(connect(envoy, both)) == 200


def test_a_root_does_not_sign_before_everybody_has_it(identity: Identity) -> None:
    start(identity)
    assert "no control plane runs" not in identity.refusal("root", "activate"), "there is nothing to activate"
    envoys = [identity.envoy(name, identity.token(name)) for name in ("reviews", "ratings")]
    for envoy in envoys:
        envoy.wait_ready()
    pid = envoys[1].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        identity.citadel("root prepare")
        only = "~ratings.default~default.svc.cluster.local: it has not acknowledged the roots"

        def lacks_it() -> bool:
            refusal = identity.refusal("root", "activate")
            return refusal.count("sidecar~") == 1 and only in refusal

        eventually(lacks_it, 15, what="that one alone lacks it")
        assert only in identity.citadel("root status")
    finally:
        os.kill(pid, signal.SIGCONT)
    identity.activate_root()
    told = json.loads(identity.citadel("root status", "-o", "json"))
    assert (told["step"], [one["presence"] for one in told["controlPlanes"]]) == ("activated", ["running"])


def test_no_log_and_no_page_shows_a_key_or_token(identity: Identity) -> None:
    start(identity)
    token = identity.token("reviews")
    envoy = identity.envoy("reviews", token)
    envoy.wait_ready()
    control_plane = identity.mesh.control_plane
    dump = control_plane.get("/debug/config_dump?proxyID=reviews").text
    assert '"default"' in dump
    assert "[redacted]" in dump
    texts = [dump, control_plane.log(), "\n".join(envoy.lines()), envoy.admin("/certs")]
    texts += [control_plane.get(page).text for page in ("/debug/syncz", "/debug/configz", "/metrics")]
    assert not any(re.search("PRIVATE KEY", text) or token in text for text in texts)
    assert "PRIVATE KEY" not in envoy.admin("/config_dump")


def test_the_control_plane_comes_back_and_certificates_go_on(identity: Identity) -> None:
    start(identity, "--certificate-ttl", "4s")
    envoy = identity.envoy("reviews", identity.token("reviews"))
    envoy.wait_ready()
    held = serial_number(envoy)
    identity.mesh.control_plane.kill()
    eventually(lambda: all(map(is_expired, certificates(envoy))), 15, what="an expired certificate")
    start(identity, "--certificate-ttl", "4s")
    eventually(lambda: serial_number(envoy) != held, 15, what="a new certificate")


def test_proxy_config_shows_the_secrets_of_an_envoy(identity: Identity, tmp_path: Path) -> None:
    start(identity)
    envoy = identity.envoy("reviews", identity.token("reviews"))
    envoy.wait_ready()
    dump = tmp_path / "dump.json"
    # Without the bootstrap, which has the token of an Envoy without agent in it.
    parts = [one for one in envoy.config_dump()["configs"] if "Bootstrap" not in one["@type"]]
    dump.write_text(json.dumps({"configs": parts}))
    admin = f"{identity.mesh.control_plane.admin[0]}:{identity.mesh.control_plane.admin[1]}"
    assert isinstance(envoy.options.admin, SocketAddress)
    socket_address = f"http://{envoy.options.admin.host}:{envoy.options.admin.port}"
    sources = (("--admin", socket_address), ("--file", str(dump)), ("reviews.default", "--admin-address", admin))
    tables = [proxy_config_secret(*source) for source in sources]
    for table in tables:
        assert sorted(line.split()[0] for line in table.splitlines()[1:]) == ["ROOTCA", "default"]
        assert table.count("true") == 2
        serial = next(line for line in table.splitlines() if line.startswith("default")).split()[5]
        assert int(serial, 16) == int(serial_number(envoy), 16)
    assert "PRIVATE KEY" not in proxy_config_secret(*sources[0], "-o", "json")


def proxy_config_secret(*arguments: str) -> str:
    command = [sys.executable, "-m", "pilot", "proxy-config", "secret", "--check", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
