from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from citadel.__main__ import main
from citadel.ca.acknowledgements import AWAY_FOR, LAPSE, Acknowledgement, AcknowledgementFiles, roots_id
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
    for step in (["prepare"], ["activate", "--force"], ["retire", "--force"]):
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
    for step in (["prepare"], ["activate", "--force"], ["retire", "--force"]):
        assert root(state, *step) == OK
        counts.append(copy.read_bytes().count(b"BEGIN CERTIFICATE"))
    assert counts == [2, 2, 1]


def test_text_names_the_next_step(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert root(state, "prepare") == OK
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["active", "prepared", "trusted", "no", "next:"]
    assert lines[-1] == "next: citadel root activate"


def test_activation_waits_for_whoever_is_connected(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert root(state, "prepare") == OK
    before, now = Keystore(state).load(), datetime.now(UTC)
    assert root(state, "activate") == FAILED
    assert "no control plane runs" in capsys.readouterr().err
    first, second = AcknowledgementFiles(state, "first"), AcknowledgementFiles(state, "second")
    first.write(Acknowledgement(roots_id(before.bundle), 3), now)
    second.write(Acknowledgement("others", 2, (("sidecar~reviews", "it has not"),)), now)
    assert root(state, "activate") == FAILED
    refusal = capsys.readouterr().err
    assert "control plane second has not noticed" in refusal
    assert "sidecar~reviews: it has not" in refusal
    assert Keystore(state).load() == before
    second.write(Acknowledgement("others", 2), now - LAPSE * 2)
    assert root(state, "activate") == FAILED
    assert "control plane second was last heard of" in capsys.readouterr().err
    second.write(Acknowledgement("others", 2, ended=True), now)
    assert root(state, "activate") == FAILED
    assert "of its proxies 2 may lack the new root" in capsys.readouterr().err
    second.write(Acknowledgement("others", 2, ended=True), now - AWAY_FOR)
    told = status(state, capsys)
    assert told["obstacles"] == []
    assert [(one["name"], one["presence"], one["proxies"]) for one in told["controlPlanes"]] == [
        ("first", "running", 3),
        ("second", "ended", 2),
    ]
    assert root(state, "activate") == OK


def test_a_refusal_shows_some_of_many(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert root(state, "prepare") == OK
    waiting = tuple((f"node-{number}", "it has not") for number in range(100))
    roots = roots_id(Keystore(state).load().bundle)
    AcknowledgementFiles(state, "one").write(Acknowledgement(roots, 0, waiting), datetime.now(UTC))
    assert root(state, "activate") == FAILED
    refusal = capsys.readouterr().err
    assert "and 80 more" in refusal
    assert refusal.count("it has not") == 20


def test_steps_out_of_turn(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Keystore(state).load()
    for step in ("activate", "retire"):
        assert root(state, step) == FAILED
        assert "next: citadel root prepare" in capsys.readouterr().err
    assert Keystore(state).load() == before


def test_retiring_waits_for_the_last_certificate(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [root(state, "prepare"), root(state, "activate", "--force")] == [OK, OK]
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
