import argparse

import pytest

from pilot.commands.flags.limit import add_limit_flags, read_stream_limits
from pilot.settings import StreamLimits


def parsed(*arguments: str) -> StreamLimits:
    parser = argparse.ArgumentParser()
    add_limit_flags(parser)
    return read_stream_limits(parser.parse_args(arguments))


def test_the_defaults_are_those_of_the_settings() -> None:
    assert parsed() == StreamLimits()


def test_each_limit_can_be_said() -> None:
    limits = parsed("--max-streams", "7", "--max-streams-per-address", "6", "--max-streams-per-identity", "5")
    assert (limits.total, limits.per_address, limits.per_identity) == (7, 6, 5)


@pytest.mark.parametrize("number", ["0", "-1", "many", "1000001"])
def test_a_limit_is_a_sensible_number(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--max-streams", number)
    assert "not a number from 1" in capsys.readouterr().err
