from __future__ import annotations

import os
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from citadel.state_files import StateError, locked, make_private_directory, read_private, write_atomically
from tests.citadel.crash import kill_at_each_step


def test_what_is_written_is_read_and_private(tmp_path: Path) -> None:
    file = tmp_path / "key"
    for content in (b"one", b"", b"x" * 100_000):
        write_atomically(file, content)
        assert read_private(file) == content
        assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_the_order_that_survives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    names: dict[int, str] = {}

    def record(name: str) -> None:
        real = getattr(os, name)

        def recording(*arguments: Any, **options: Any) -> Any:
            result = real(*arguments, **options)
            if name == "open":
                names[result] = Path(arguments[0]).name
            what = names.get(arguments[0], "") if isinstance(arguments[0], int) else Path(arguments[0]).name
            calls.append(f"{name} {what}")
            return result

        monkeypatch.setattr(os, name, recording)

    for name in ("open", "write", "fsync", "rename"):
        record(name)
    write_atomically(tmp_path / "key", b"content")
    directory = tmp_path.name
    assert calls == [
        "open key.new",
        "write key.new",
        "fsync key.new",
        "rename key.new",
        f"open {directory}",
        f"fsync {directory}",
    ]


def test_killed_at_any_moment_the_old_or_the_new_content_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "key"
    old, new = b"old" * 1000, b"new" * 2000
    seen = set()

    def check(is_finished: bool) -> None:
        found = read_private(file)
        assert found in ((new,) if is_finished else (old, new))
        seen.add(found)

    steps = kill_at_each_step(lambda: write_atomically(file, old), lambda: write_atomically(file, new), check)
    assert steps >= 7
    assert seen == {old, new}


def test_what_a_crash_left_behind_is_no_hindrance(tmp_path: Path) -> None:
    left = tmp_path / "key.new"
    left.write_bytes(b"half")
    left.chmod(0o644)
    write_atomically(tmp_path / "key", b"whole")
    assert read_private(tmp_path / "key") == b"whole"
    assert not left.exists()


def test_a_full_disk_leaves_the_old_content_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomically(tmp_path / "key", b"old")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(tmp_path / "key", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
    assert read_private(tmp_path / "key") == b"old"


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    write_atomically(tmp_path / "key", b"x" * 11)
    assert read_private(tmp_path / "key", limit=11) == b"x" * 11
    with pytest.raises(StateError, match="is it the right file"):
        read_private(tmp_path / "key", limit=10)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_private(tmp_path / "key")
    (tmp_path / "key").mkdir(mode=0o700)
    with pytest.raises(StateError, match="Is a directory"):
        read_private(tmp_path / "key")


def test_directories_are_made_private_up_to_what_was_there(tmp_path: Path) -> None:
    make_private_directory(tmp_path / "a" / "b" / "c")
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "a", tmp_path / "a/b", tmp_path / "a/b/c")] == [
        0o700
    ] * 3
    make_private_directory(tmp_path / "a" / "b" / "c")


def test_only_one_writes_at_a_time(tmp_path: Path) -> None:
    inside, most = 0, 0

    def write() -> None:
        nonlocal inside, most
        for _ in range(50):
            with locked(tmp_path):
                inside += 1
                most = max(most, inside)
                inside -= 1

    threads = [Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, inside) == (1, 0)
