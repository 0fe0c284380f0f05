"""A file is written whole and to the disk, or not at all; and every file of ours is written in this one way."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from galley.atomic_write import PUBLIC, write_atomically
from tests.crash import kill_at_each_step

ROOT = Path(__file__).parents[2]


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
        f"open {directory}",
        "open key.new",
        "write key.new",
        "fsync key.new",
        "rename key.new",
        f"fsync {directory}",
    ]


def test_killed_at_any_moment_the_old_or_the_new_content_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "key"
    old, new = b"old" * 1000, b"new" * 2000
    seen = set()

    def check(is_finished: bool) -> None:
        found = file.read_bytes()
        assert found in ((new,) if is_finished else (old, new))
        seen.add(found)

    steps = kill_at_each_step(lambda: write_atomically(file, old), lambda: write_atomically(file, new), check)
    assert steps >= 9
    assert seen == {old, new}


def test_what_a_crash_left_behind_is_no_hindrance(tmp_path: Path) -> None:
    left = tmp_path / "key.new"
    left.write_bytes(b"half")
    left.chmod(0o644)
    write_atomically(tmp_path / "key", b"whole")
    assert (tmp_path / "key").read_bytes() == b"whole"
    assert not left.exists()


def test_a_full_disk_leaves_the_old_content_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomically(tmp_path / "key", b"old")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(tmp_path / "key", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
    assert (tmp_path / "key").read_bytes() == b"old"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_file_has_the_mode_that_is_wanted_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "key", b"")
        write_atomically(tmp_path / "roots", b"", mode=PUBLIC)
        write_atomically(tmp_path / "rules", b"", mode=None)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"key": 0o600, "roots": 0o644, "rules": 0o666 & ~umask}


def test_a_file_of_a_person_keeps_its_mode_and_its_place(tmp_path: Path) -> None:
    file, link = tmp_path / "elsewhere" / "compose.yml", tmp_path / "compose.yml"
    file.parent.mkdir()
    file.write_bytes(b"old")
    file.chmod(0o640)
    link.symlink_to(file)
    write_atomically(link, b"new", mode=None)
    assert link.is_symlink()
    assert file.read_bytes() == b"new"
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_file_of_a_person_keeps_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda _, user, group: given.append((user, group)))
    file = tmp_path / "compose.yml"
    write_atomically(file, b"old", mode=None)
    assert given == []
    write_atomically(file, b"new", mode=None)
    assert given == [(file.stat().st_uid, file.stat().st_gid)]


def test_writers_of_one_file_wait_for_one_another(tmp_path: Path) -> None:
    file, contents = tmp_path / "key", [bytes([number]) * 50_000 for number in range(4)]

    def write(content: bytes) -> None:
        for _ in range(25):
            write_atomically(file, content)
            assert file.read_bytes() in contents

    failures: list[BaseException] = []

    def run(content: bytes) -> None:
        try:
            write(content)
        except BaseException as failure:
            failures.append(failure)

    threads = [Thread(target=run, args=[content]) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


_OTHER_WAYS = {"rename", "renames", "replace", "write_text", "write_bytes", "NamedTemporaryFile", "mkstemp"}


def test_nobody_writes_files_in_another_way() -> None:
    """Calls by which a file could be replaced, or written in place, outside of the one module."""
    found = set()
    for package in ("galley", "citadel", "pilot", "envoycodec"):
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_bytes())):
                if isinstance(node, ast.Attribute) and node.attr in _OTHER_WAYS:
                    found.add((str(file.relative_to(ROOT)), node.attr, ast.unparse(node.value)))
    others = {(file, what) for file, what, whose in found if what != "replace" or whose in ("os", "path", "temporary")}
    assert others == {("galley/atomic_write.py", "rename")}
