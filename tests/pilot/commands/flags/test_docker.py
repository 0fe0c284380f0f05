"""What the flags of Docker discovery mean."""

from __future__ import annotations

import argparse

import pytest

from pilot.commands.flags.docker import add_docker_flags, read_docker_settings
from pilot.settings import DockerSettings


def read(*arguments: str) -> DockerSettings | None:
    parser = argparse.ArgumentParser(prog="pilot")
    add_docker_flags(parser)
    return read_docker_settings(parser.parse_args(arguments))


def test_without_the_flag_nothing_is_discovered() -> None:
    assert read() is None


def test_the_url_may_be_left_out() -> None:
    assert read("--docker") == DockerSettings()


def test_everything_said() -> None:
    assert read(
        "--docker",
        "tcp://proxy:2375",
        "--docker-project",
        "shop",
        "--docker-project",
        "bank",
        "--docker-network",
        "mesh",
    ) == DockerSettings(url="tcp://proxy:2375", projects=("shop", "bank"), networks=("mesh",))


@pytest.mark.parametrize("flag", ["--docker-project", "--docker-network"])
def test_a_choice_among_nothing_is_refused(flag: str) -> None:
    with pytest.raises(ValueError, match="add --docker"):
        read(flag, "shop")


def test_a_wrong_url_is_refused_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read("--docker", "/var/run/docker.sock")
    assert "for example unix:///var/run/docker.sock" in capsys.readouterr().err
