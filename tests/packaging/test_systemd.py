"""The units for machines with systemd: well-formed, and with flags that the commands know."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pilot.__main__ import build_parser

UNITS = Path(__file__).resolve().parents[2] / "packaging" / "systemd"
AGENT, REDIRECT = UNITS / "pilothouse-agent.service", UNITS / "pilothouse-redirect.service"
SERVE = UNITS / "pilothouse.service"


def settings(unit: Path) -> dict[str, str]:
    """The settings of ``unit``, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", unit.read_text())
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def flags() -> dict[str, str]:
    lines = [line for name in ("agent.env", "pilothouse.env") for line in (UNITS / name).read_text().splitlines()]
    return {"REDIRECT_FLAGS": "", **dict(line.split("=", 1) for line in lines if not line.startswith("#"))}


@pytest.mark.parametrize(
    ("unit", "name"), [(AGENT, "ExecStart"), (REDIRECT, "ExecStart"), (REDIRECT, "ExecStop"), (SERVE, "ExecStart")]
)
def test_every_command_is_one_that_the_parser_knows(unit: Path, name: str) -> None:
    command = settings(unit)[name]
    for flag, value in flags().items():
        command = command.replace(f"${flag}", value)
    program, *arguments = shlex.split(command)
    assert program == "/usr/local/bin/pilot"
    parsed = build_parser(arguments).parse_args(arguments)
    assert callable(parsed.run)


def test_whose_traffic_is_left_alone_is_who_runs_the_agent() -> None:
    user = settings(AGENT)["User"]
    line = next(one for one in (UNITS / "pilothouse.sysusers.conf").read_text().splitlines() if one.startswith("u "))
    _, name, ids, *_ = shlex.split(line)
    redirect = shlex.split(settings(REDIRECT)["ExecStart"].replace("$REDIRECT_FLAGS", ""))[1:]
    parsed = build_parser(redirect).parse_args(redirect)
    assert (name, ids) == (user, "1337:1337")
    assert parsed.proxy_uids == parsed.proxy_gids == (1337,)


def test_the_control_plane_that_a_unit_starts_can_be_served() -> None:
    command = settings(SERVE)["ExecStart"].replace("$SERVE_FLAGS", flags()["SERVE_FLAGS"])
    parsed = build_parser(["serve"]).parse_args(shlex.split(command)[1:])
    assert str(parsed.citadel) == str(parsed.state) == f"/var/lib/{settings(SERVE)['StateDirectory']}"
    assert parsed.xds_san == ["pilot.example"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    for unit in (AGENT, REDIRECT, SERVE):
        # Programs and users of the machine that it is made for are not here.
        text = unit.read_text().replace("/usr/local/bin/pilot", sys.executable).replace("User=pilothouse", "User=root")
        (tmp_path / unit.name).write_text(text.replace("Group=pilothouse", "Group=root"))
    command = ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if "pilothouse" in line]
    assert complaints == []
