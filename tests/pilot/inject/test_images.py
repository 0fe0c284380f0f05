from __future__ import annotations

from pathlib import Path

import pytest

from pilot.inject.images import missing_images
from pilot.inject.options import InjectOptions, SidecarKind

AGENTS = InjectOptions(sidecar=SidecarKind.AGENT)


def docker_answers(script: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (directory / "docker").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/bin")


def test_images_of_ours_that_are_not_there_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_answers('case "$3" in pilothouse:*) echo 0123;; esac', tmp_path, monkeypatch)
    (told,) = missing_images(AGENTS)
    assert "docker build -t pilothouse-agent:latest --target pilothouse-agent ." in told


def test_an_image_of_the_users_is_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_answers("true", tmp_path, monkeypatch)
    assert not list(missing_images(InjectOptions(image="registry.example.org/pilothouse:1")))
    assert list(missing_images(InjectOptions()))


@pytest.mark.parametrize("script", ["exit 1", "echo 'Cannot connect to the Docker daemon' >&2; exit 1"])
def test_nothing_is_said_where_docker_does_not_answer(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker_answers(script, tmp_path, monkeypatch)
    assert not list(missing_images(AGENTS))


def test_nothing_is_said_where_there_is_no_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not list(missing_images(AGENTS))
