"""`scripts/prepare-venv` says in one sentence what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

NOBODY = "http://127.0.0.1:9/simple"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the script reads, in a directory with a space in its name."""
    copy = tmp_path / "a place"
    (copy / "scripts").mkdir(parents=True)
    shutil.copy2(ROOT / "scripts" / "prepare-venv", copy / "scripts")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, copy)
    return copy


def prepare(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return subprocess.run(
        [str(project / "scripts" / "prepare-venv"), *arguments],
        env={**ours, "PIP_CONFIG_FILE": os.devnull, **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_what_cannot_be_prepared_is_a_wrong_use(project: Path) -> None:
    done = prepare(project, "everything")
    assert (done.returncode, done.stderr) == (2, "usage: prepare-venv [dev]\n")
    assert not (project / ".venv").exists()


@pytest.mark.parametrize("what", ["product", "dev"])
def test_a_venv_that_is_a_link_stays_as_it_is(project: Path, what: str) -> None:
    shared = project.parent / "shared"
    (shared / "bin").mkdir(parents=True)
    (shared / "bin" / "tool").write_text("of somebody else")
    (project / ".venv").symlink_to(shared)
    done = prepare(project, *([what] if what == "dev" else []), PIP_INDEX_URL=NOBODY)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"prepare-venv: .venv is a symbolic link to {shared}; remove it, or use make PREPARE=true"
    )
    assert [path.name for path in shared.iterdir()] == ["bin"]
    assert (shared / "bin" / "tool").exists()


@pytest.mark.e2e
def test_without_a_network_one_sentence_says_so(project: Path) -> None:
    done = prepare(project, PIP_INDEX_URL=NOBODY, PIP_NO_CACHE_DIR="1", PIP_RETRIES="0")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("prepare-venv: the package index cannot be reached; go online, or")
    assert all(line.startswith("prepare-venv: ") for line in done.stderr.splitlines())
    assert not (project / ".venv" / "prepared").exists()
