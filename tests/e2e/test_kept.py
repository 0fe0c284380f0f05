"""The search of what a run leaves behind finds a key or a token, wherever it is, and nothing where there is none."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from citadel.ca.keystore import Keystore
from citadel.identity import SpiffeId, TrustDomain
from citadel.tokens.join_token import JoinToken, sign_join_token
from citadel.tokens.keystore import open_token_keys
from citadel.x509 import generate_private_key
from tests.e2e.harness.kept import find_leaks, is_holder

DOMAIN = TrustDomain("cluster.local")


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that made an authority and a token; not one of those that are searched at the end."""
    home = tmp_path_factory.mktemp("run")
    now = datetime.now(UTC)
    Keystore(home / "state").open(DOMAIN, now)
    token = JoinToken(SpiffeId(DOMAIN, "a", "b"), "t", now, now + timedelta(hours=1), False)
    (home / "t.token").write_text(sign_join_token(token, open_token_keys(home / "state").private_key).reveal())
    (home / "pilot.log").write_text("attested spiffe://cluster.local/ns/a/sa/b by join token (token t)\n")
    return home


def middle_of_key(home: Path) -> str:
    """A line from inside of the token key, without any mark that says so."""
    return (home / "state" / "citadel" / "token-key.pem").read_text().splitlines()[2]


def middle_of_root_key(home: Path) -> str:
    state = (home / "state" / "citadel" / "authority.json").read_text()
    return state.split("-----BEGIN PRIVATE KEY-----", 1)[1].split("\\n")[2]


def test_a_run_that_keeps_its_secrets_has_no_leak(run: Path) -> None:
    assert find_leaks([run]) == []


@pytest.mark.parametrize(
    "leak",
    [
        lambda home: generate_private_key().reveal().decode(),
        lambda home: json.dumps({"key": generate_private_key().reveal().decode()}),
        lambda home: "".join(generate_private_key().reveal().decode().splitlines()[1:-1]),
        lambda home: f"Bearer {(home / 't.token').read_text()}",
        middle_of_key,
        middle_of_root_key,
    ],
    ids=["a key", "a key in JSON", "a key without its frame", "a token", "a part of a key", "a part of the root's key"],
)
@pytest.mark.parametrize("name", ["pilot.log", "console.log", "dumps/0-reviews.json", "agent/envoy.json"])
def test_a_leak_is_found_wherever_it_is(run: Path, leak, name: str) -> None:  # type: ignore[no-untyped-def]
    file = run / name
    file.parent.mkdir(parents=True, exist_ok=True)
    secret = leak(run)
    with file.open("a") as log:
        log.write(f"2026-01-01 INFO {secret} and so on\n")
    found = find_leaks([run])
    assert {one.partition(": ")[0] for one in found} == {str(file)}
    assert secret not in str(found)


def test_what_everybody_may_see_is_none(run: Path) -> None:
    roots = (run / "state" / "citadel" / "root-cert.pem").read_text()
    public = base64.b64encode(b"public").decode()
    (run / "pilot.log").write_text(f"{roots}\n{public}\neyJhbGciOiJFUzI1NiJ9\n")
    assert find_leaks([run]) == []


def test_holders_are_known_by_their_names() -> None:
    assert is_holder(Path("/t/state/citadel/authority.json"))
    assert is_holder(Path("/t/agent/identity.pem.new"))
    assert is_holder(Path("/t/envoys/reviews.yaml"))
    assert not is_holder(Path("/t/agent/envoy.json"))
    assert not is_holder(Path("/t/envoys/reviews.log"))
