"""The command `pilot`: which commands there are, and that one does not pay for the others."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from galley.version import version
from pilot.__main__ import _COMMANDS, main


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"    {name} " in shown for name in _COMMANDS)


@pytest.mark.parametrize("name", _COMMANDS)
def test_each_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: pilot {name}" in capsys.readouterr().out


def test_an_unknown_command_is_told_of_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["srve"])
    assert ended.value.code == 2
    assert "invalid choice: 'srve'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["health", "redirect"])
def test_what_containers_run_often_imports_neither_envoys_messages_nor_cryptography(name: str) -> None:
    program = (
        "import sys; from pilot.__main__ import build_parser; build_parser([sys.argv[1]]);"
        "print(*(m for m in ('envoy_data_plane', 'cryptography', 'grpc', 'yaml') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program, name], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("program", ["pilot", "galley", "citadel"])
def test_each_program_says_its_version(program: str) -> None:
    run = subprocess.run([sys.executable, "-m", program, "--version"], capture_output=True, text=True, check=True)
    name, _, number = run.stdout.strip().partition(" ")
    assert (name, number) == (program, version())


@pytest.mark.parametrize(
    ("flag", "other"), [("--xds-address", "--admin-address"), ("--admin-address", "--xds-address")]
)
def test_a_taken_port_is_told_with_its_flag(flag: str, other: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [
            sys.executable,
            "-m",
            "pilot",
            "serve",
            "--config",
            str(tmp_path),
            flag,
            address,
            other,
            "127.0.0.1:0",
        ]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert f"cannot listen on {address}" in line
    assert "Address already in use" in line
    assert flag in line
