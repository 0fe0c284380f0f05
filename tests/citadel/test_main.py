from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from citadel.__main__ import main
from citadel.commands.options import FAILED, OK, USAGE

COMMANDS = (
    ["init"],
    ["inspect"],
    ["issue"],
    ["token", "create"],
    ["root"],
    ["root", "prepare"],
    ["root", "activate"],
    ["root", "retire"],
    ["root", "status"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_examples_and_exit_statuses(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "exit status: 0" in printed
    assert f"  citadel {' '.join(command)} " in printed


@pytest.mark.parametrize("command", [[], ["token"], *COMMANDS], ids=" ".join)
def test_wrong_usage(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == USAGE
    assert "usage: citadel" in capsys.readouterr().err


def test_no_key_and_no_token_where_they_do_not_belong(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Every command, also failing: nothing that it prints or logs, but for a token asked for, is a secret."""
    caplog.set_level(logging.DEBUG)
    state, out = tmp_path / "state", tmp_path / "out"
    authority, token_key = state / "citadel/authority.json", state / "citadel/token-key.pem"
    who = ["--namespace", "default", "--service-account", "reviews"]
    for command in (
        ["init", "--state", str(state)],
        ["issue", "--state", str(state), *who, "--out", str(out)],
        ["token", "create", "--state", str(state), *who, "--once", "--out", str(out / "token")],
        ["root", "prepare", "--state", str(state)],
    ):
        assert main(command) == OK
    token, keys = (out / "token").read_text(), [(out / "key.pem").read_text(), token_key.read_text()]
    keys += re.findall("BEGIN PRIVATE KEY-----(.*?)-----END", authority.read_text().replace("\\n", "\n"), re.DOTALL)
    authority.write_text(authority.read_text()[:-300])
    token_key.write_text(token_key.read_text()[:-60])
    for command in (
        ["inspect", *map(str, sorted(out.iterdir())), str(authority), str(token_key)],
        ["init", "--state", str(state)],
        ["root", "status", "--state", str(state)],
        ["token", "create", "--state", str(tmp_path), *who, "--trust-domain", "a", "--ttl", "999d"],
        ["issue", "--state", str(state), *who, "--out", str(out), "--csr", str(out / "key.pem")],
    ):
        assert main(command) == FAILED
    printed = capfd.readouterr()
    everything = printed.out + printed.err + caplog.text
    assert "spiffe://cluster.local/ns/default/sa/reviews" in everything
    secrets = {line for key in keys for line in key.splitlines() if len(line) > 20 and "KEY" not in line}
    assert len(secrets) >= 2 * len(keys) == 12
    for secret in ("PRIVATE", token, token.split(".")[2], *secrets):
        assert secret not in everything
