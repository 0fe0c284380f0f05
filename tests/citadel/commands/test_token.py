from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from citadel.__main__ import main
from citadel.ca.keystore import Keystore
from citadel.commands.options import FAILED, OK, USAGE
from citadel.identity import BearerToken, TrustDomain
from citadel.tokens.join_token import JoinToken, verify_join_token
from citadel.tokens.keystore import open_token_keys
from tests.citadel.pki import DOMAIN, REVIEWS

WHO = ["--namespace", "default", "--service-account", "reviews"]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    Keystore(tmp_path / "state").open(DOMAIN, datetime.now(UTC))
    return tmp_path / "state"


def create(state: Path, *more: str) -> int:
    return main(["token", "create", "--state", str(state), *WHO, *more])


def verify(state: Path, text: str, trust_domain: TrustDomain = DOMAIN) -> JoinToken:
    return verify_join_token(BearerToken(text), open_token_keys(state).public_key, trust_domain, datetime.now(UTC))


def as_object(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def test_the_token_alone_is_printed(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert create(state) == OK
    (line,) = capsys.readouterr().out.splitlines()
    token = verify(state, line)
    assert (token.identity, token.one_time) == (REVIEWS, False)
    assert token.expires_at - token.issued_at == timedelta(hours=1)


def test_once_and_for_how_long(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for ttl, expected in (("90d", timedelta(days=90)), ("10m", timedelta(minutes=10)), ("1h30m", timedelta(hours=1.5))):
        assert create(state, "--once", "--ttl", ttl, "-o", "json") == OK
        printed = as_object(capsys)
        token = verify(state, printed["token"])
        assert token.one_time is printed["once"] is True
        assert token.expires_at - token.issued_at == expected
        assert printed["identity"] == str(REVIEWS)
        assert printed["id"] == token.token_id


def test_two_tokens_differ(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [create(state), create(state)] == [OK, OK]
    first, second = capsys.readouterr().out.splitlines()
    assert verify(state, first).token_id != verify(state, second).token_id


@pytest.mark.parametrize("output", ["text", "json"])
def test_into_a_file_and_nowhere_else(
    output: str, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "reviews.token"
    assert create(state, "--out", str(file), "-o", output) == OK
    assert verify(state, file.read_text()).identity == REVIEWS
    assert file.stat().st_mode & 0o777 == 0o600
    printed = capsys.readouterr()
    assert file.read_text() not in printed.out + printed.err
    assert str(file) in printed.out


def test_an_authority_that_is_plugged_in_needs_the_trust_domain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create(tmp_path / "state", "--trust-domain", "example.org") == OK
    token = verify(tmp_path / "state", capsys.readouterr().out.strip(), TrustDomain("example.org"))
    assert token.identity.trust_domain.name == "example.org"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ttl", "400d"], "a token lives from one second to 366 days"),
        (["--trust-domain", "example.org"], "leave --trust-domain out"),
        (["--namespace", "a/b"], "'a/b' is no namespace"),
        (["--service-account", ""], "'' is no service account"),
        (["--out", "/nowhere/token"], "cannot write /nowhere/token"),
    ],
)
def test_failures(state: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert create(state, *arguments) == FAILED
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("citadel: ")
    assert message in printed.err


def test_without_an_authority(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert create(tmp_path / "state") == FAILED
    assert f"run: citadel init --state {tmp_path}/state" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("ttl", ["0s", "-1h", "1", "soon", "1.5d"])
def test_lifetimes_that_are_none(state: Path, ttl: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        create(state, f"--ttl={ttl}")
    assert ended.value.code == USAGE
    assert "argument --ttl" in capsys.readouterr().err
