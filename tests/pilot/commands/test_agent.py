"""`pilot agent`: flags become settings, and wrong flags a sentence that says what to do."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from pilot.__main__ import main
from pilot.agent.control_stream import agent_node
from pilot.agent.settings import AgentSettings
from pilot.commands.agent import add_agent_parser, read_agent_settings
from pilot.dataplane.bootstrap import SocketAddress, build_bootstrap

ROOT = "-----BEGIN CERTIFICATE-----\n"


def flags(tmp_path: Path, *more: str) -> list[str]:
    (tmp_path / "root.pem").write_text(ROOT)
    return [
        *("agent", "sidecar", "--name", "reviews-1", "--service-account", "reviews", "--ip", "10.0.0.7"),
        *("--root-cert", str(tmp_path / "root.pem"), "--credentials", str(tmp_path / "agent")),
        *("--envoy", sys.executable, *more),
    ]


def settings(tmp_path: Path, *more: str) -> AgentSettings:
    parser = argparse.ArgumentParser(prog="pilot")
    add_agent_parser(parser.add_subparsers(dest="command"))
    return read_agent_settings(parser.parse_args(flags(tmp_path, *more)))


def test_envoy_gets_its_certificate_from_the_socket_and_its_bootstrap_holds_no_secret(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a.b.c")
    found = settings(
        tmp_path,
        *("--xds-address", "pilot.example:15013", "--ca-address", "pilot.example:15012"),
        *("--token", str(tmp_path / "token"), "--certificate-ttl", "1h"),
    )
    assert found.ca_address == SocketAddress("pilot.example", 15012)
    assert found.lifetime == 3600
    bootstrap = build_bootstrap(found.bootstrap)
    assert "a.b.c" not in str(bootstrap)
    assert bootstrap["node"]["metadata"]["AGENT_SECRETS"] == "true"
    clusters = {cluster["name"]: cluster for cluster in bootstrap["static_resources"]["clusters"]}
    (endpoint,) = clusters["sds-grpc"]["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert endpoint["endpoint"]["address"] == {"pipe": {"path": str(tmp_path / "agent" / "sds.sock")}}
    tls = clusters["xds-grpc"]["transport_socket"]["typed_config"]
    assert tls["sni"] == "pilot.example"
    common = tls["common_tls_context"]
    assert [config["name"] for config in common["tls_certificate_sds_secret_configs"]] == ["default"]
    validation = common["combined_validation_context"]
    assert validation["validation_context_sds_secret_config"]["name"] == "ROOTCA"
    assert validation["default_validation_context"]["match_typed_subject_alt_names"] == [
        {"san_type": "DNS", "matcher": {"exact": "pilot.example"}}
    ]


def test_agent_and_envoy_say_that_they_are_one_where_their_addresses_may_differ(tmp_path: Path) -> None:
    def agent_id(*more: str) -> str | None:
        bootstrap = settings(tmp_path, "--xds-address", "pilot.example:15013", *more).bootstrap
        said: list[str | None] = [
            build_bootstrap(bootstrap)["node"]["metadata"].get("AGENT_ID"),
            agent_node(bootstrap).metadata.get("AGENT_ID"),
        ]
        assert said[0] == said[1]
        return said[0]

    assert agent_id() is None
    assert agent_id("--ip", "peer")
    assert agent_id("--ip", "peer") != agent_id("--ip", "peer"), "replicas of one command"


def test_a_token_that_is_gone_is_no_reason_not_to_start(tmp_path: Path) -> None:
    assert settings(tmp_path, "--token", str(tmp_path / "gone")).token == tmp_path / "gone"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--xds-address", "unix:/run/pilot.sock", "--xds-san", "pilot.example"), "needs a control plane at HOST:PORT"),
        (("--envoy", "/no/such/envoy"), "not an executable file"),
        (("--drain-seconds", "-1"), "not between 0 and 3600"),
    ],
)
def test_wrong_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(flags(tmp_path, *more))
    assert exit_.value.code == 2
    assert sentence in capsys.readouterr().err


def test_without_roots_it_does_not_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = flags(tmp_path)
    place = arguments.index("--root-cert")
    with pytest.raises(SystemExit):
        main([*arguments[:place], *arguments[place + 2 :]])
    assert "needs --root-cert" in capsys.readouterr().err


def test_without_token_and_credentials_it_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(flags(tmp_path)) == 1
    assert "no --token" in capsys.readouterr().err
