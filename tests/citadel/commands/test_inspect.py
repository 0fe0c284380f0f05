from __future__ import annotations

import io
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from citadel.__main__ import main
from citadel.commands.options import FAILED, OK, USAGE
from tests.citadel.authority import Authority, make_authority

SPIFFE = "spiffe://cluster.local/ns/default/sa/reviews"


@pytest.fixture
def authority() -> Authority:
    return make_authority("test authority")


def as_objects(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def test_text(authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = (SPIFFE, "reviews.example.com", "10.0.0.1")
    file = authority.issue(tmp_path, "reviews", subject_alt_names=names).certificate
    assert main(["inspect", str(file)]) == OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{file}: certificate 1 of 1"
    assert "  subject    CN=reviews" in lines
    assert "  issuer     CN=test authority" in lines
    assert f"  SPIFFE id  {SPIFFE}" in lines
    assert "  names      DNS:reviews.example.com, IP:10.0.0.1" in lines
    assert "  authority  no" in lines
    assert "  key        EC secp256r1" in lines
    assert any(line.startswith("  valid ") and line.endswith("(23 hours left)") for line in lines)


def test_json(authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = authority.issue(tmp_path, "reviews", subject_alt_names=(SPIFFE,)).certificate
    assert main(["inspect", "-o", "json", str(file)]) == OK
    ((found,),) = [each["certificates"] for each in as_objects(capsys)]
    assert found["spiffeIds"] == [SPIFFE]
    assert found["alternativeNames"] == []
    assert found["valid"] is True
    assert 86_000 < found["secondsLeft"] <= 86_400
    assert found["isAuthority"] is False
    assert len(found["sha256"]) == 64


def test_a_chain_in_one_file(authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leaf, root = authority.issue(tmp_path, "leaf").certificate, authority.write(tmp_path)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(leaf.read_bytes() + root.read_bytes())
    assert main(["inspect", str(chain)]) == OK
    out = capsys.readouterr().out
    assert "certificate 2 of 2" in out
    assert "CN=test authority (itself)" in out


def test_an_expired_certificate(authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = authority.issue(tmp_path, "old", expires=timedelta(hours=-5)).certificate
    assert main(["inspect", str(file)]) == FAILED
    assert "(EXPIRED 5 hours ago)" in capsys.readouterr().out


def test_files_without_certificates(authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = authority.issue(tmp_path, "a")
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    missing = tmp_path / "missing.pem"
    arguments = [str(files.certificate), str(files.private_key), str(broken), str(missing)]
    assert main(["inspect", *arguments]) == FAILED
    printed = capsys.readouterr()
    assert "certificate 1 of 1" in printed.out
    assert f"{files.private_key}: no PEM certificate in it" in printed.err
    assert f"{broken}: malformed certificate" in printed.err
    assert f"{missing}: No such file or directory" in printed.err
    assert "PRIVATE" not in printed.out + printed.err
    assert main(["inspect", "-o", "json", *arguments]) == FAILED
    assert [bool(each.get("error")) for each in as_objects(capsys)] == [False, True, True, True]


def test_standard_input(
    authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.BytesIO(authority.write(tmp_path).read_bytes())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content))
    assert main(["inspect", "-"]) == OK
    out = capsys.readouterr().out
    assert "<stdin>: certificate 1 of 1" in out
    assert "  authority  yes" in out


def test_names_cannot_speak_to_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = make_authority("evil\x1b[2Jname").write(tmp_path)
    assert main(["inspect", str(file)]) == OK
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["inspect"], ["inspect", "-o", "xml", "a"], ["nonsense"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == USAGE
    assert "usage: citadel" in capsys.readouterr().err
