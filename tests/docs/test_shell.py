"""The shell that types the commands of pages gives up on one that does not end, whatever it left running."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.docs import shell
from tests.docs.blocks import Block

pytestmark = pytest.mark.e2e


@pytest.mark.skipif(not shell.has_private_network(), reason="a network of its own is not to be had here")
def test_a_command_that_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "PATIENCE_SECONDS", 0.5)
    (tmp_path / ".venv").mkdir()
    began = time.monotonic()
    with shell.Shell(tmp_path) as typed, pytest.raises(shell.PromiseError, match="status -1"):
        typed.run(Block(line=1, text="sleep 600 &\nsleep 600"))
    assert time.monotonic() - began < 60
