from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from citadel.__main__ import main
from citadel.ca.keystore import Keystore
from citadel.ca.roots import ROOT_LIFETIME
from citadel.commands.options import FAILED, OK
from tests.citadel.pki import DOMAIN


@pytest.fixture
def state(tmp_path: Path) -> Path:
    Keystore(tmp_path / "state").open(DOMAIN, datetime.now(UTC))
    return tmp_path / "state"


def root(state: Path, step: str, *more: str) -> int:
    return main(["root", step, "--state", str(state), *more])


def status(state: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert root(state, "status", "-o", "json") == OK
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def test_a_whole_rotation(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (first,) = status(state, capsys)["roots"]
    assert first["role"] == "active"
    seen = []
    for step in (["prepare"], ["activate"], ["retire", "--force"]):
        assert root(state, *step, "-o", "json") == OK
        after = json.loads(capsys.readouterr().out)
        assert after == status(state, capsys)
        seen.append((after["step"], after["next"], [each["role"] for each in after["roots"]]))
    assert seen == [
        ("prepared", "activate", ["active", "prepared"]),
        ("activated", "retire", ["active", "retiring"]),
        ("steady", "prepare", ["active"]),
    ]
    (last,) = status(state, capsys)["roots"]
    assert last["sha256"] != first["sha256"]


def test_the_copy_of_the_roots_follows(state: Path) -> None:
    copy = Keystore(state).directory / "root-cert.pem"
    counts = []
    for step in (["prepare"], ["activate"], ["retire", "--force"]):
        assert root(state, *step) == OK
        counts.append(copy.read_bytes().count(b"BEGIN CERTIFICATE"))
    assert counts == [2, 2, 1]


def test_text_names_the_next_step(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert root(state, "prepare") == OK
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["active", "prepared", "next:"]
    assert lines[-1] == "next: citadel root activate"


def test_steps_out_of_turn(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Keystore(state).load()
    for step in ("activate", "retire"):
        assert root(state, step) == FAILED
        assert "next: citadel root prepare" in capsys.readouterr().err
    assert Keystore(state).load() == before


def test_retiring_waits_for_the_last_certificate(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [root(state, "prepare"), root(state, "activate")] == [OK, OK]
    capsys.readouterr()
    assert root(state, "retire") == FAILED
    assert root(state, "retire", "--leaf-ttl", "1h") == FAILED
    assert capsys.readouterr().err.count("come back after") == 2
    assert Keystore(state).load().step == "activated"
    assert root(state, "retire", "--force") == OK


def test_a_root_that_nears_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Keystore(tmp_path).open(DOMAIN, datetime.now(UTC) - ROOT_LIFETIME * 0.9)
    assert root(tmp_path, "status") == OK
    assert "begin another: citadel root prepare" in capsys.readouterr().err


def test_without_an_authority(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for step in ("prepare", "activate", "retire", "status"):
        assert root(tmp_path, step) == FAILED
        assert "run: citadel init" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
