"""What the flags of `pilot bootstrap` mean, one value at a time."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from pilot.commands.flags.bootstrap import add_bootstrap_flags
from pilot.dataplane.bootstrap import PipeAddress, SocketAddress
from pilot.node.locality import Locality


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="pilot")
    add_bootstrap_flags(parser.add_subparsers(dest="command"))
    return parser.parse_args(["bootstrap", *arguments])


@pytest.mark.parametrize(
    ("flag", "text", "value"),
    [
        ("--xds-address", "pilot.example:15010", SocketAddress("pilot.example", 15010)),
        ("--xds-address", "[::1]:15010", SocketAddress("::1", 15010)),
        ("--xds-address", "unix:/run/xds.sock", PipeAddress("/run/xds.sock")),
        ("--locality", "eu", Locality("eu")),
        ("--locality", "eu/eu-1", Locality("eu", "eu-1")),
        ("--ip", "::0001", "::1"),
        ("--mode", "tproxy", "TPROXY"),
        ("--port", "http=9080", [("http", 9080)]),
        ("--labels", "a=1,b=", [[("a", "1"), ("b", "")]]),
        ("--status-port", "0", 0),
    ],
)
def test_a_value_is_read_as_what_it_means(flag: str, text: str, value: Any) -> None:
    assert getattr(parse("sidecar", "--name", "a", flag, text), flag.strip("-").replace("-", "_")) == value


@pytest.mark.parametrize(
    ("flag", "text", "advice"),
    [
        ("--labels", "app:reviews", "is not KEY=VALUE, such as app=reviews"),
        ("--port", "9080", "is not NAME=PORT, such as http=9080"),
        ("--port", "http=99999", "is not a port between 1 and 65535"),
        ("--ip", "reviews.example", "is not an IP address"),
        ("--xds-address", "pilot.example", "is not HOST:PORT, such as 127.0.0.1:15010, or unix:/path"),
        ("--locality", "a/b/c/d", "is not REGION, REGION/ZONE or REGION/ZONE/SUBZONE"),
        ("--name", "a~b", "may only hold letters, digits, '-' and '.'"),
    ],
)
def test_a_wrong_value_is_answered_with_a_right_one(
    capsys: pytest.CaptureFixture[str], flag: str, text: str, advice: str
) -> None:
    with pytest.raises(SystemExit):
        parse("sidecar", "--name", "a", flag, text)
    assert advice in capsys.readouterr().err


def test_sidecars_register_themselves_and_gateways_when_asked() -> None:
    assert parse("sidecar", "--name", "a").register
    assert not parse("sidecar", "--name", "a", "--no-register").register
    assert not parse("gateway", "--name", "a").register
    assert parse("gateway", "--name", "a", "--register").register


def test_a_namespace_has_no_dot_for_a_node_id_could_not_be_read_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse("sidecar", "--name", "reviews.v1", "--namespace", "shop").name == "reviews.v1"
    with pytest.raises(SystemExit):
        parse("sidecar", "--name", "reviews", "--namespace", "shop.eu")
    assert "'shop.eu' may only hold letters, digits and '-'" in capsys.readouterr().err


def test_delta_is_the_default_and_excludes_sotw(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse("sidecar", "--name", "a").delta
    assert not parse("sidecar", "--name", "a", "--sotw").delta
    with pytest.raises(SystemExit):
        parse("sidecar", "--name", "a", "--sotw", "--delta")
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["sidecar", "gateway"])
def test_help_has_examples_that_parse(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    with pytest.raises(SystemExit):
        parse(kind, "--help")
    shown = capsys.readouterr().out.replace("\\\n", " ")
    examples = [line.split() for line in shown.splitlines() if line.strip().startswith(f"pilot bootstrap {kind} --")]
    assert examples
    for _pilot, _bootstrap, *arguments in examples:
        assert parse(*arguments).name
