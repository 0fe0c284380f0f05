from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from citadel.state_files import StateError, locked, make_private_directory, read_private
from galley.atomic_write import write_atomically


def test_what_is_written_is_read_and_private(tmp_path: Path) -> None:
    file = tmp_path / "key"
    for content in (b"one", b"", b"x" * 100_000):
        write_atomically(file, content)
        assert read_private(file) == content
        assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


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
