"""An Envoy process is started, awaited, drained and stopped, and says why when it cannot be."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pilot.dataplane.binary import find_envoy
from pilot.dataplane.bootstrap import Address, BootstrapOptions, PipeAddress, SocketAddress, build_bootstrap
from pilot.dataplane.errors import EnvoyDiedError, EnvoyError, EnvoyNotReadyError, EnvoyUnreachableError
from pilot.dataplane.process import EnvoyCommand, EnvoyProcess
from pilot.node.node_id import ProxyKind
from tests.e2e.harness.addresses import own_addresses
from tests.e2e.harness.client import request
from tests.e2e.harness.conditions import eventually

pytestmark = pytest.mark.e2e


def a_config(admin: Address, *, port: int | None = None) -> dict[str, Any]:
    """An Envoy that answers every request on ``port`` itself."""
    if isinstance(admin, PipeAddress):
        address: dict[str, Any] = {"pipe": {"path": admin.path}}
    else:
        address = {"socket_address": {"address": admin.host, "port_value": admin.port}}
    config: dict[str, Any] = {"admin": {"address": address}}
    if port is not None and isinstance(admin, SocketAddress):
        config["static_resources"] = {"listeners": [_answering_listener(admin.host, port)]}
    return config


def _answering_listener(host: str, port: int) -> dict[str, Any]:
    prefix = "type.googleapis.com/envoy.extensions.filters."
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "here"}}}
    manager = {
        "@type": prefix + "network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "test",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": prefix + "http.router.v3.Router"}}],
    }
    return {
        "name": "test",
        "address": {"socket_address": {"address": host, "port_value": port}},
        "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}]}],
    }


def a_command(directory: Path, config: dict[str, Any], admin: Address) -> EnvoyCommand:
    path = directory / "envoy.json"
    path.write_text(json.dumps(config))
    return EnvoyCommand(binary=find_envoy(), config=path, log_file=directory / "logs" / "envoy.log", admin=admin)


@pytest.fixture
def admin() -> SocketAddress:
    return SocketAddress(own_addresses().host(), 15000)


@pytest.fixture
def process(tmp_path: Path, admin: SocketAddress) -> Iterator[EnvoyProcess]:
    with EnvoyProcess(a_command(tmp_path, a_config(admin, port=8080), admin)) as envoy:
        yield envoy


def test_it_starts_serves_and_stops(process: EnvoyProcess, admin: SocketAddress) -> None:
    assert not process.is_alive()
    process.start()
    process.wait_ready()
    assert process.is_alive()
    assert request((admin.host, 8080)).text == "here"
    assert "live" in process.admin("/server_info").lower()
    process.stop()
    assert not process.is_alive()
    with pytest.raises(EnvoyUnreachableError, match=str(admin)):
        process.admin("/ready")
    process.stop()


def test_it_outlives_the_thread_that_started_it(process: EnvoyProcess) -> None:
    starter = threading.Thread(target=process.start)
    starter.start()
    starter.join()
    process.wait_ready()
    assert process.wait(timeout=0.3) is None


def test_a_second_start_is_refused(process: EnvoyProcess) -> None:
    process.start()
    with pytest.raises(EnvoyError, match=f"already has a running Envoy, pid {process.pid}"):
        process.start()


def test_it_can_be_started_again_after_its_end(process: EnvoyProcess, admin: SocketAddress) -> None:
    process.start()
    process.wait_ready()
    process.kill()
    process.start()
    process.wait_ready()
    assert request((admin.host, 8080)).text == "here"


def test_a_refused_configuration_is_told_with_envoys_own_words(tmp_path: Path, admin: SocketAddress) -> None:
    envoy = EnvoyProcess(a_command(tmp_path, {**a_config(admin), "no_such_field": 1}, admin))
    envoy.start()
    with pytest.raises(EnvoyDiedError, match=r"(?s)ended with status 1 before it was ready.*no_such_field"):
        envoy.wait_ready()


def test_one_that_waits_for_its_control_plane_is_not_ready(tmp_path: Path, admin: SocketAddress) -> None:
    nobody = SocketAddress(admin.host, 9)
    config = build_bootstrap(BootstrapOptions(kind=ProxyKind.SIDECAR, name="a", ip=admin.host, xds=nobody, admin=admin))
    with EnvoyProcess(a_command(tmp_path, config, admin)) as envoy:
        envoy.start()
        with pytest.raises(EnvoyNotReadyError, match=r"not ready after 0.5 s \(.*INITIALIZING\)"):
            envoy.wait_ready(timeout=0.5)


def test_a_binary_that_cannot_run_is_an_error(tmp_path: Path, admin: SocketAddress) -> None:
    broken = tmp_path / "envoy"
    broken.write_text("not a program")
    broken.chmod(0o755)
    command = EnvoyCommand(binary=broken, config=tmp_path, log_file=tmp_path / "log", admin=admin)
    with pytest.raises(EnvoyError, match="cannot execute"):
        EnvoyProcess(command).start()


def test_the_admin_interface_may_be_a_socket_file(tmp_path: Path) -> None:
    admin = PipeAddress(str(tmp_path / "admin.sock"))
    with EnvoyProcess(a_command(tmp_path, a_config(admin), admin)) as envoy:
        envoy.start()
        envoy.wait_ready()
        assert envoy.admin("/ready").strip() == "LIVE"
        with pytest.raises(EnvoyError, match="404"):
            envoy.admin("/no-such-page")


def test_draining_asks_clients_to_leave_and_goes_on_serving(process: EnvoyProcess, admin: SocketAddress) -> None:
    process.start()
    process.wait_ready()
    process.drain()
    answer = eventually(
        lambda: next(
            (a for a in [request((admin.host, 8080)) for _ in range(20)] if a.headers.get("connection") == "close"),
            None,
        ),
        timeout=10,
    )
    assert answer is not None
    assert answer.text == "here"
    process.fail_health_checks()
    assert process.request("GET", "/ready")[0] == 503
