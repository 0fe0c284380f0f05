"""Failpoints do nothing unless a process is started with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from galley.failpoints import _nothing, failpoint

_PASSES = """
from galley.failpoints import FailpointError, failpoint
def passes(name):
    try:
        failpoint(name)
    except FailpointError:
        return False
    return True
print([passes("here") for _ in range(4)], passes("elsewhere"))
"""


def test_they_are_off() -> None:
    assert failpoint is _nothing


def test_a_place_fails_as_often_as_its_file_says(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("3\n")
    run = subprocess.run(
        [sys.executable, "-c", _PASSES],
        env={"PILOT_FAILPOINTS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert run.stdout.strip() == "[False, False, False, True] True"
