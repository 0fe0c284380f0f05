from __future__ import annotations

import json
from pathlib import Path

import pytest

from citadel.__main__ import main
from citadel.commands.options import FAILED, OK


def test_an_authority_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = str(tmp_path / "state")
    assert main(["init", "--state", state, "-o", "json"]) == OK
    first = json.loads(capsys.readouterr().out)
    assert main(["init", "--state", state, "-o", "json"]) == OK
    second = json.loads(capsys.readouterr().out)
    assert (first["created"], second["created"]) == (True, False)
    assert first["rootSha256"] == second["rootSha256"]
    assert first["trustDomain"] == "cluster.local"
    assert sorted(path.name for path in (tmp_path / "state/citadel").iterdir()) == [
        "authority.json",
        "lock",
        "root-cert.pem",
        "token-key.pem",
    ]


def test_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--state", str(tmp_path), "--trust-domain", "example.org"]) == OK
    printed = capsys.readouterr()
    assert printed.out.startswith(f"made the authority of example.org in {tmp_path}/citadel, root valid until ")
    assert "keep a backup" in printed.out


def test_another_trust_domain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--state", str(tmp_path)]) == OK
    assert main(["init", "--state", str(tmp_path), "--trust-domain", "example.org"]) == FAILED
    assert "run with --trust-domain cluster.local" in capsys.readouterr().err


def test_a_lost_key_is_an_error_of_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--state", str(tmp_path)]) == OK
    (tmp_path / "citadel/authority.json").unlink()
    capsys.readouterr()
    assert main(["init", "--state", str(tmp_path)]) == FAILED
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "restore authority.json from a backup" in printed.err
