"""Roots and token in a bootstrap: made beside the authority (from files: see test_bootstrap.py)."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from citadel.__main__ import main as citadel
from citadel.identity import BearerToken, TrustDomain
from citadel.tokens.join_token import JoinToken, verify_join_token
from citadel.tokens.keystore import open_token_keys
from pilot.commands.bootstrap import add_bootstrap_parser, run_bootstrap

REVIEWS = ("sidecar", "--name", "reviews-1", "--service-account", "reviews", "--ip", "peer")
ADDRESS = ("--xds-address", "pilot:15012")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    assert citadel(["init", "--state", str(tmp_path / "state")]) == 0
    return tmp_path / "state"


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser(prog="pilot")
    add_bootstrap_parser(parser.add_subparsers(dest="command"))
    return run_bootstrap(parser.parse_args(["bootstrap", *arguments]))


def written(tmp_path: Path, *arguments: str) -> Any:
    assert run(*REVIEWS, *arguments, "-o", "json", "--output", str(tmp_path / "envoy.json")) == 0
    return json.loads((tmp_path / "envoy.json").read_text())


def token_in(bootstrap: Any, state: Path) -> JoinToken:
    metadata = bootstrap["dynamic_resources"]["ads_config"]["grpc_services"][0]["initial_metadata"]
    bearer = BearerToken(metadata[0]["value"].removeprefix("Bearer "))
    return verify_join_token(bearer, open_token_keys(state).public_key, TrustDomain("cluster.local"), datetime.now(UTC))


def test_a_token_for_the_account_and_the_authoritys_roots(tmp_path: Path, state: Path) -> None:
    bootstrap = written(tmp_path, *ADDRESS, "--citadel", str(state))
    assert bootstrap["node"]["id"] == "sidecar~0.0.0.0~reviews-1.default~default.svc.cluster.local"
    assert json.dumps((state / "citadel" / "root-cert.pem").read_text()) in json.dumps(bootstrap)
    token = token_in(bootstrap, state)
    assert str(token.identity) == "spiffe://cluster.local/ns/default/sa/reviews"
    assert not token.one_time, "a stock Envoy shows it again whenever it reconnects"
    assert token.expires_at - token.issued_at == timedelta(days=365)
    assert (tmp_path / "envoy.json").stat().st_mode & 0o777 == 0o600


def test_the_token_lives_as_long_as_asked(tmp_path: Path, state: Path) -> None:
    token = token_in(written(tmp_path, *ADDRESS, "--citadel", str(state), "--token-ttl", "2h"), state)
    assert token.expires_at - token.issued_at == timedelta(hours=2)


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (("--citadel", "STATE", "--token", "FILE"), "keep one of them"),
        (("--citadel", "STATE", "--token-ttl", "900d"), "366 days"),
        (("--citadel", "nowhere"), "cannot read"),
        (("--citadel", "STATE", "--namespace", "a/b"), "letters"),
    ],
)
def test_what_cannot_be_is_said(
    flags: tuple[str, ...], complaint: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*REVIEWS, *ADDRESS, *(flag.replace("STATE", str(state)) for flag in flags))
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_roots_in_a_file_that_envoy_follows(state: Path, tmp_path: Path) -> None:
    path = "/etc/pilothouse/roots/root-cert.sds.json"
    bootstrap = written(tmp_path, *ADDRESS, "--citadel", str(state), "--root-cert-sds", path)
    (xds, *_) = bootstrap["static_resources"]["clusters"]
    context = xds["transport_socket"]["typed_config"]["common_tls_context"]["combined_validation_context"]
    source = context["validation_context_sds_secret_config"]
    assert source["name"] == "ROOTCA"
    assert source["sds_config"]["path_config_source"] == {"path": path}
    assert "CERTIFICATE" not in json.dumps(bootstrap)
    assert token_in(bootstrap, state).identity.service_account == "reviews"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--root-cert-sds", "roots.json"), "give the absolute path"),
        (("--root-cert-sds", "/roots/root-cert.pem"), "Envoy reads a file of certificates once only"),
        (("--root-cert-sds", "/roots.json", "--root-cert", "/roots.pem"), "keep one of them"),
    ],
)
def test_a_file_of_roots_that_would_not_be_followed(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(*REVIEWS, *ADDRESS, *arguments)
    assert sentence in capsys.readouterr().err
