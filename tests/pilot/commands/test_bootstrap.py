"""`pilot bootstrap`: flags become a bootstrap, and wrong flags a sentence that says what to do."""

from __future__ import annotations

import argparse
import json
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from pilot.commands.bootstrap import add_bootstrap_parser, own_ip, run_bootstrap
from pilot.dataplane.bootstrap import PipeAddress, SocketAddress

READY = Path(__file__).parents[3] / "envoy-bootstrap"


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser(prog="pilot")
    add_bootstrap_parser(parser.add_subparsers(dest="command"))
    return run_bootstrap(parser.parse_args(["bootstrap", *arguments]))


def written(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert run(*arguments) == 0
    return yaml.safe_load(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as exit_:
        run(*arguments)
    assert exit_.value.code == 2
    return capsys.readouterr().err


def test_a_sidecar_with_everything(capsys: pytest.CaptureFixture[str]) -> None:
    bootstrap = written(
        capsys,
        *("sidecar", "--name", "reviews-1", "--namespace", "shop", "--ip", "127.0.1.3", "--mode", "none"),
        *("--labels", "app=reviews,version=v1", "--labels", "tier=web", "--service-account", "reviews"),
        *("--port", "http=9080", "--app-port", "http=19080", "--http-proxy-port", "15080", "--network", "vpn"),
        *("--locality", "eu/eu-1/rack-2", "--admin-address", "127.0.1.3", "--admin-port", "15001", "--sotw"),
        *("--xds-address", "[::1]:15011", "--workload-group", "vms", "--cluster-id", "west", "--mesh-id", "m"),
    )
    node = bootstrap["node"]
    assert node["id"] == "sidecar~127.0.1.3~reviews-1.shop~shop.svc.cluster.local"
    assert node["locality"] == {"region": "eu", "zone": "eu-1", "sub_zone": "rack-2"}
    assert node["metadata"]["LABELS"] == {"app": "reviews", "version": "v1", "tier": "web"}
    assert node["metadata"]["PORTS"] == {"http": 9080}
    assert node["metadata"]["APP_PORTS"] == {"http": 19080}
    assert node["metadata"]["SELF_REGISTER"] == "true"
    assert bootstrap["admin"]["address"]["socket_address"] == {"address": "127.0.1.3", "port_value": 15001}
    assert bootstrap["dynamic_resources"]["ads_config"]["api_type"] == "GRPC"
    assert "listeners" not in bootstrap["static_resources"]


def test_a_sidecar_that_has_its_host_to_itself_opens_readiness_and_statistics(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def ports(*flags: str) -> set[int]:
        static = written(capsys, "sidecar", "--name", "a", "--ip", "10.0.0.1", *flags)["static_resources"]
        return {one["address"]["socket_address"]["port_value"] for one in static.get("listeners", [])}

    assert ports() == {15021, 15090}
    assert ports("--stats-port", "0") == {15021}
    assert ports("--mode", "NONE", "--status-port", "16021") == {16021}


def test_a_gateway_registers_nothing_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    plain = ("gateway", "--name", "ingress", "--ip", "10.0.0.2", "--labels", "istio=ingressgateway")
    assert "SELF_REGISTER" not in written(capsys, *plain)["node"]["metadata"]
    registered = written(capsys, *plain, "--register", "--port", "http2=8080")["node"]["metadata"]
    assert registered["SELF_REGISTER"] == "true"
    assert registered["PORTS"] == {"http2": 8080}


def test_json_and_a_file(tmp_path: Path) -> None:
    output = tmp_path / "envoy.json"
    output.write_text("old")
    assert run("sidecar", "--name", "a", "--ip", "10.0.0.1", "-o", "json", "--output", str(output)) == 0
    assert json.loads(output.read_text())["node"]["metadata"]["NAME"] == "a"
    assert [path.name for path in tmp_path.iterdir()] == ["envoy.json"]


def test_a_file_that_cannot_be_written_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sidecar", "--name", "a", "--ip", "10.0.0.1", "--output", str(tmp_path / "no" / "a.yaml")) == 1
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "advice"),
    [
        (["--labels", "app=a", "--labels", "app=b"], "--labels gives app twice, as a and as b; keep one"),
        (["--app-port", "http=19080"], "--app-port only applies to --mode NONE"),
        (["--http-proxy-port", "15080"], "--http-proxy-port only applies to --mode NONE"),
        (["--mode", "NONE", "--app-port", "http=19080"], "has no --port http=…"),
        (["--mode", "NONE", "--app-port", "http=80", "--port", "http=80"], "cannot listen on the same port"),
        (["--admin-address", "localhost"], "is neither an IP address, such as 127.0.0.1, nor unix:/path"),
    ],
)
def test_wrong_flags_say_what_to_do(capsys: pytest.CaptureFixture[str], flags: list[str], advice: str) -> None:
    assert advice in refused(capsys, "sidecar", "--name", "a", "--ip", "10.0.0.1", *flags)


def test_the_address_defaults_to_the_one_that_faces_the_control_plane() -> None:
    assert own_ip(SocketAddress("127.0.0.1", 15010)) == "127.0.0.1"
    assert own_ip(PipeAddress("/run/pilot.sock")) == "127.0.0.1"


def test_an_unknown_own_address_asks_for_the_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: Any, **_options: Any) -> Any:
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(ValueError, match="give it with --ip"):
        own_ip(SocketAddress("pilot.example", 15010))


@pytest.mark.parametrize("kind", ["sidecar", "gateway"])
def test_the_ready_bootstraps_are_what_the_command_writes(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (READY / f"{kind}.yaml").read_text()
    command = next(line for line in text.splitlines() if line.startswith("# pilot bootstrap "))
    assert run(*command.removeprefix("# pilot bootstrap ").split()) == 0
    body = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    assert body == capsys.readouterr().out


ROOT = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
SIDECAR = ("sidecar", "--name", "a", "--ip", "10.0.0.7")


@pytest.fixture
def credentials(tmp_path: Path) -> tuple[str, str]:
    (tmp_path / "root.pem").write_text(ROOT)
    (tmp_path / "token").write_text("aaa.bbb.ccc\n")
    return str(tmp_path / "root.pem"), str(tmp_path / "token")


def test_with_a_root_the_control_plane_must_prove_its_name_and_gets_the_token(
    capsys: pytest.CaptureFixture[str], credentials: tuple[str, str]
) -> None:
    root, token = credentials
    bootstrap = written(capsys, *SIDECAR, "--xds-address", "pilot.example:15012", "--root-cert", root, "--token", token)
    cluster = bootstrap["static_resources"]["clusters"][0]
    context = cluster["transport_socket"]["typed_config"]
    assert context["sni"] == "pilot.example"
    assert context["common_tls_context"]["alpn_protocols"] == ["h2"]
    assert context["common_tls_context"]["validation_context"] == {
        "trusted_ca": {"inline_string": ROOT},
        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": "pilot.example"}}],
    }
    (service,) = bootstrap["dynamic_resources"]["ads_config"]["grpc_services"]
    assert service["initial_metadata"] == [{"key": "authorization", "value": "Bearer aaa.bbb.ccc"}]


def test_a_control_plane_by_address_is_verified_by_address_or_by_the_names_given(
    capsys: pytest.CaptureFixture[str], credentials: tuple[str, str]
) -> None:
    root, _ = credentials
    address = ("--xds-address", "10.0.0.1:15012", "--root-cert", root)
    for more, names in (((), [("IP_ADDRESS", "10.0.0.1")]), (("--xds-san", "b", "--xds-san", "::1"), None)):
        bootstrap = written(capsys, *SIDECAR, *address, *more)
        context = bootstrap["static_resources"]["clusters"][0]["transport_socket"]["typed_config"]
        matchers = context["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"]
        found = [(matcher["san_type"], matcher["matcher"]["exact"]) for matcher in matchers]
        assert found == (names or [("DNS", "b"), ("IP_ADDRESS", "::1")])
        assert context.get("sni") == ("b" if more else None)
        (service,) = bootstrap["dynamic_resources"]["ads_config"]["grpc_services"]
        assert "initial_metadata" not in service


def test_a_bootstrap_with_a_token_is_for_its_owner_alone(tmp_path: Path, credentials: tuple[str, str]) -> None:
    root, token = credentials
    secret, public = tmp_path / "secret.yaml", tmp_path / "public.yaml"
    assert run(*SIDECAR, "--root-cert", root, "--token", token, "--output", str(secret)) == 0
    assert run(*SIDECAR, "--root-cert", root, "--output", str(public)) == 0
    assert (secret.stat().st_mode & 0o777, public.stat().st_mode & 0o777) == (0o600, 0o644)


def test_what_a_control_plane_cannot_be_trusted_with(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, credentials: tuple[str, str]
) -> None:
    root, token = credentials
    (tmp_path / "bad").write_text("no token\n")
    (tmp_path / "key.pem").write_text(ROOT + "-----BEGIN PRIVATE KEY-----\n")
    assert "--root-cert" in refused(capsys, *SIDECAR, "--token", token)
    assert "--root-cert" in refused(capsys, *SIDECAR, "--xds-san", "a")
    assert "holds no token" in refused(capsys, *SIDECAR, "--root-cert", root, "--token", str(tmp_path / "bad"))
    assert "no file of certificates" in refused(capsys, *SIDECAR, "--root-cert", token)
    assert "no file of certificates" in refused(capsys, *SIDECAR, "--root-cert", str(tmp_path / "key.pem"))
    assert "cannot read" in refused(capsys, *SIDECAR, "--root-cert", str(tmp_path / "none"))
    assert "--xds-san" in refused(capsys, *SIDECAR, "--root-cert", root, "--xds-address", "unix:/x")
