"""Who may succeed whom, and what an Envoy is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilot.dataplane import hot_restart
from pilot.dataplane.errors import EnvoyError
from pilot.dataplane.hot_restart import HotRestart, check_configuration, free_base_id, remove_shared_memory


def test_a_successor_is_the_next_epoch_of_the_same_base_id() -> None:
    first = HotRestart(7)
    assert first.successor() == HotRestart(7, epoch=1)
    arguments = first.successor().arguments()
    assert arguments[:4] == ("--base-id", "7", "--restart-epoch", "1")


def test_after_a_crash_nobody_is_succeeded() -> None:
    afresh = HotRestart(7, epoch=3).afresh()
    assert afresh.epoch == 0
    assert afresh.base_id != 7


def test_memory_of_ones_own_base_id_alone_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hot_restart, "SHARED_MEMORY", tmp_path)
    for name in ("envoy_shared_memory_70", "envoy_shared_memory_80", "other"):
        (tmp_path / name).touch()
    remove_shared_memory(7)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["envoy_shared_memory_80", "other"]
    assert free_base_id() not in (7, 8)


def test_a_binary_that_does_not_run_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "envoy"
    broken.write_text("#!/bin/sh\necho no such option >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(EnvoyError, match="no such option"):
        check_configuration(broken, tmp_path / "c.json")
    with pytest.raises(EnvoyError, match="cannot execute"):
        check_configuration(tmp_path / "none", tmp_path / "c.json")
