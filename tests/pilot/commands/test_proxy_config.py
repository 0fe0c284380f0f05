"""`pilot proxy-config secret` on saved dumps."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from pilot.__main__ import main
from tests.pilot.config_dump.test_secrets import a_chain, a_dump, an_svid, entry


def saved(directory: Path, age: timedelta = timedelta(0)) -> str:
    file = directory / "dump.json"
    file.write_text(json.dumps(a_dump(dynamic_active_secrets=[entry(a_chain(an_svid(age)))])))
    return str(file)


def test_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy-config", "secret", "--file", saved(tmp_path)]) == 0
    header, line = capsys.readouterr().out.splitlines()
    assert header.startswith("RESOURCE NAME   TYPE         STATUS   VALID CERT   SERIAL NUMBER")
    assert line.split()[:5] == ["default", "Cert", "Chain", "ACTIVE", "true"]


@pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_json_and_yaml_are_envoys_own_without_keys(tmp_path: Path, form: str, read, capsys) -> None:  # type: ignore[no-untyped-def]
    assert main(["pc", "s", "--file", saved(tmp_path), "-o", form]) == 0
    out = capsys.readouterr().out
    assert "PRIVATE KEY" not in out
    (active,) = read(out)["dynamic_active_secrets"]
    assert active["secret"]["tls_certificate"]["private_key"] == {"inline_string": "[redacted]"}


def test_check_fails_when_a_certificate_has_expired(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = saved(tmp_path, timedelta(days=3))
    assert main(["proxy-config", "secret", "--file", old]) == 0
    assert main(["proxy-config", "secret", "--file", old, "--check"]) == 1
    assert "false" in capsys.readouterr().out


def test_no_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "dump.json"
    file.write_text('{"configs": []}')
    assert main(["proxy-config", "secret", "--file", str(file)]) == 1
    assert capsys.readouterr().out == "It holds no secrets.\n"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "say one of"),
        (["a", "--admin", "b:1"], "say one of"),
        (["--file", "/nonexistent"], "cannot read"),
        (["--admin", "127.0.0.1:1"], "no answer from 127.0.0.1:1"),
        (["reviews-1", "--admin-address", "127.0.0.1:1"], "is pilot serve running there"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy-config", "secret", *arguments]) == 2
    assert problem in capsys.readouterr().err
