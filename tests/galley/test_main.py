"""The command line: what it prints and how it exits."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from galley.__main__ import main
from tests.galley.publishing.test_validate import BROKEN, GATEWAY, POLICY


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "gateway.yaml").write_bytes(GATEWAY)
    return tmp_path


def test_good_files_exit_with_0(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(config)]) == 0
    assert capsys.readouterr().out == "No problems found in 1 resource of 1 file.\n"


def test_errors_exit_with_1_and_are_shown(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config / "broken.yaml").write_bytes(BROKEN)
    assert main(["validate", str(config)]) == 1
    out = capsys.readouterr().out
    assert f"--> {config}/broken.yaml:6:3 (spec.selectr)" in out
    assert "6 |   selectr: {}" in out
    assert out.endswith("Found 1 error in 1 resource of 2 files.\n")
    assert "\x1b" not in out


def test_warnings_exit_with_0(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config / "policy.yaml").write_bytes(POLICY)
    assert main(["validate", str(config)]) == 1
    assert main(["validate", "--accept-unenforced", str(config)]) == 0
    assert capsys.readouterr().out.endswith("Found 1 warning in 2 resources of 2 files.\n")


@pytest.mark.parametrize(("threshold", "warnings", "errors"), [("error", 0, 1), ("warning", 1, 1), ("never", 0, 0)])
def test_a_job_says_what_it_fails_on(threshold: str, warnings: int, errors: int, config: Path) -> None:
    (config / "policy.yaml").write_bytes(POLICY)
    assert main(["validate", "--fail-on", threshold, "--accept-unenforced", str(config)]) == warnings
    (config / "broken.yaml").write_bytes(BROKEN)
    assert main(["validate", "--fail-on", threshold, str(config)]) == errors


def test_json_for_programs(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "-o", "json", str(config)]) == 0
    assert json.loads(capsys.readouterr().out) == []
    (config / "broken.yaml").write_bytes(BROKEN)
    assert main(["validate", str(config), "--output", "json"]) == 1
    assert [one["code"] for one in json.loads(capsys.readouterr().out)] == ["unknown-field"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BROKEN)))
    assert main(["validate", "-"]) == 1
    assert "<stdin>:6:3" in capsys.readouterr().out


def test_a_missing_path_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(tmp_path / "nowhere")]) == 2
    assert "nowhere: no such file or directory" in capsys.readouterr().err


def test_a_directory_without_configuration_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(tmp_path)]) == 2
    assert "no .yaml, .yml or .json file" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["validate"], ["validate", "-o", "xml", "."], ["sing"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["validate", "--help"])
    assert exit_.value.code == 0
    assert "kubectl get vs -A -o yaml | galley validate -" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("terminal", "no_color", "term", "colored"),
    [(True, "", "xterm", True), (True, "1", "xterm", False), (True, "", "dumb", False), (False, "", "xterm", False)],
)
def test_colour_is_for_terminals_that_want_it(
    config: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    terminal: bool,
    no_color: str,
    term: str,
    colored: bool,
) -> None:
    (config / "broken.yaml").write_bytes(BROKEN)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", term)
    main(["validate", str(config)])
    assert ("\x1b[" in capsys.readouterr().out) is colored


def test_a_reader_who_leaves_early_causes_no_traceback(config: Path) -> None:
    (config / "broken.yaml").write_bytes(b"apiVersion: v1\n---\n" * 2000)
    command = subprocess.Popen(
        [sys.executable, "-m", "galley", "validate", str(config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert command.stdout is not None
    assert command.stderr is not None
    with command, command.stdout as output, command.stderr as errors:
        assert output.readline().startswith(b"error[")
        output.close()
        assert errors.read() == b""
    assert command.returncode == 1
