"""The journal of accepted contents: what was written is read, and a crash at any moment leaves old or new."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.publishing.journal import AcceptedJournal, StateInUseError

CONTENTS = st.dictionaries(st.text(max_size=5), st.binary(max_size=40), max_size=4)


def read(directory: Path) -> dict[str, bytes]:
    journal = AcceptedJournal(directory)
    try:
        return dict(journal.contents)
    finally:
        journal.close()


@given(st.lists(CONTENTS, max_size=5))
def test_what_was_written_last_is_read(
    tmp_path_factory: pytest.TempPathFactory, states: list[dict[str, bytes]]
) -> None:
    directory = tmp_path_factory.mktemp("state")
    for state in states:
        journal = AcceptedJournal(directory)
        journal.write(state)
        assert journal.contents == state
        journal.close()
    assert read(directory) == (states[-1] if states else {})


def test_many_writes_do_not_let_the_file_grow_without_end(tmp_path: Path) -> None:
    journal = AcceptedJournal(tmp_path)
    for number in range(100):
        journal.write({"a": b"x" * 50_000 + str(number).encode()})
    assert (tmp_path / "accepted.journal").stat().st_size < 1_500_000
    journal.close()
    assert read(tmp_path) == {"a": b"x" * 50_000 + b"99"}


def test_an_unchanged_state_is_not_written(tmp_path: Path) -> None:
    journal = AcceptedJournal(tmp_path)
    journal.write({"a": b"1"})
    before = (tmp_path / "accepted.journal").stat()
    journal.write({"a": b"1"})
    assert (tmp_path / "accepted.journal").stat() == before
    journal.close()


def test_a_batch_cut_off_at_any_byte_does_not_count(tmp_path: Path) -> None:
    journal = AcceptedJournal(tmp_path)
    journal.write({"a": b"1", "b": b"2"})
    first = (tmp_path / "accepted.journal").read_bytes()
    journal.write({"a": b'{"commit": "x"}\n', "c": b"\n\n"})
    journal.close()
    whole = (tmp_path / "accepted.journal").read_bytes()
    for length in range(len(first), len(whole)):
        (tmp_path / "accepted.journal").write_bytes(whole[:length])
        assert read(tmp_path) == {"a": b"1", "b": b"2"}


def test_after_a_damaged_end_writing_goes_on(tmp_path: Path) -> None:
    journal = AcceptedJournal(tmp_path)
    journal.write({"a": b"1"})
    journal.close()
    with (tmp_path / "accepted.journal").open("ab") as file:
        file.write(b'{"put": "b", "bytes": 10}\nabc')
    journal = AcceptedJournal(tmp_path)
    assert journal.is_damaged
    journal.write({"a": b"1", "b": b"2"})
    journal.close()
    assert read(tmp_path) == {"a": b"1", "b": b"2"}


@given(st.binary(max_size=80), st.integers(min_value=0, max_value=200))
def test_any_bytes_in_the_file_are_read_without_a_crash(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, offset: int
) -> None:
    directory = tmp_path_factory.mktemp("state")
    journal = AcceptedJournal(directory)
    journal.write({"a": b"1"})
    journal.close()
    path = directory / "accepted.journal"
    whole = path.read_bytes()
    path.write_bytes(whole[:offset] + junk + whole[offset:])
    contents = read(directory)
    assert contents in ({}, {"a": b"1"})


def test_two_processes_cannot_share_a_state_directory(tmp_path: Path) -> None:
    journal = AcceptedJournal(tmp_path)
    with pytest.raises(StateInUseError, match="in use"):
        AcceptedJournal(tmp_path)
    journal.close()
    assert read(tmp_path) == {}


def test_a_full_disk_leaves_the_state_before_and_is_made_good_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = AcceptedJournal(tmp_path)
    journal.write({"a": b"1"})

    def half_a_write(descriptor: int, data: memoryview) -> int:
        write(descriptor, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half_a_write)
        with pytest.raises(OSError, match="No space"):
            journal.write({"a": b"2"})
    assert journal.contents == {"a": b"1"}
    journal.write({"a": b"3"})
    journal.close()
    assert read(tmp_path) == {"a": b"3"}


# A process that writes one state, then another, and kills itself just before or after the N-th system call that
# changes something on disk. It prints "done" when both writes were over.
_VICTIM = """
import os, signal, sys
from galley.publishing import journal as module

directory, fatal, after, rewrites = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "after", sys.argv[4] == "rewrite"
if rewrites:
    module._SPARE = -1_000_000
journal = module.AcceptedJournal(directory)
journal.write({"a": b"old", "b": b"old"})
calls = 0

def deadly(name):
    original = getattr(os, name)
    def call(*arguments, **keywords):
        global calls
        calls += 1
        if calls == fatal and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **keywords)
        if calls == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(os, name, call)

for name in ("open", "write", "fsync", "rename", "close"):
    deadly(name)
journal.write({"a": b"new", "c": b"new"})
print("done", calls)
"""

OLD, NEW = {"a": b"old", "b": b"old"}, {"a": b"new", "c": b"new"}


@pytest.mark.parametrize("way", ["append", "rewrite"])
def test_killed_at_each_step_of_a_write_the_state_is_the_old_or_the_new_one(tmp_path: Path, way: str) -> None:
    seen = set()
    for step in range(1, 20):
        for moment in ("before", "after"):
            directory = tmp_path / f"{step}-{moment}"
            command = [sys.executable, "-c", _VICTIM, str(directory), str(step), moment, way]
            victim = subprocess.run(command, capture_output=True, check=False, cwd=Path(__file__).parents[3])
            state = read(directory)
            assert state in (OLD, NEW)
            seen.add("new" if state == NEW else "old")
            if victim.returncode == 0:
                assert state == NEW
                assert seen == {"old", "new"}
                return
            assert victim.returncode == -signal.SIGKILL, victim.stderr
    pytest.fail("the write never came to its end")


@pytest.mark.parametrize("line", ["[" * 100_000, '{"put": [], "bytes": 0}', '{"put": 7, "bytes": 1}', '{"delete": {}}'])
def test_a_line_of_any_shape_counts_as_damage(tmp_path: Path, line: str) -> None:
    journal = AcceptedJournal(tmp_path)
    journal.write({"a": b"content"})
    journal.close()
    with open(tmp_path / "accepted.journal", "ab") as file:
        body = f"{line}\n\n".encode()
        file.write(body + f'{{"commit": "{sha256(body).hexdigest()}"}}\n'.encode())
    damaged = AcceptedJournal(tmp_path)
    assert (damaged.contents, damaged.is_damaged) == ({"a": b"content"}, True)
    damaged.close()
