"""What the environment says counts like a flag, and less than one."""

from __future__ import annotations

import argparse

import pytest

from pilot.commands.flags.environment import take_defaults


def parse(environment: dict[str, str], *arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", action="append", default=[], type=int)
    parser.add_argument("--register", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--sotw", dest="delta", action="store_false", default=True)
    parser.add_argument("--mode", type=str.upper, choices=["NONE", "REDIRECT"], default="REDIRECT")
    take_defaults(parser, environment)
    return parser.parse_args(arguments)


def test_the_environment_gives_what_no_flag_gives() -> None:
    said = {
        "PILOT_AGENT_NAME": "a", "PILOT_AGENT_PORT": "80 90", "PILOT_AGENT_REGISTER": "false",
        "PILOT_AGENT_SOTW": "true", "PILOT_AGENT_MODE": "none",
    }  # fmt: skip
    parsed = parse(said)
    assert vars(parsed) == {"name": "a", "port": [80, 90], "register": False, "delta": False, "mode": "NONE"}
    assert parse(said, "--name", "b").name == "b"
    assert vars(parse({}, "--name", "c"))["delta"] is True


@pytest.mark.parametrize("variable", ["PORT", "REGISTER", "MODE"])
def test_a_value_that_the_flag_would_not_take(variable: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        parse({"PILOT_AGENT_NAME": "a", f"PILOT_AGENT_{variable}": "what"})
    assert ending.value.code == 2
    assert f"$PILOT_AGENT_{variable}" in capsys.readouterr().err
