"""Scanning trees: what is read, what is left for later and for how long. Clocks are arguments here."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchdog.events import FileClosedEvent, FileCreatedEvent, FileModifiedEvent, FileMovedEvent

from galley.sources import tree
from galley.sources.evidence import WriteEvidence
from galley.sources.tree import Scan, TreeScanner, TreeState, is_config_name

LONG = 1_000_000.0


class Scans:
    """Scans a tree at moments counted from its creation."""

    def __init__(self, *roots: Path) -> None:
        self.scanner = TreeScanner(tuple(str(root) for root in roots))
        self.evidence = WriteEvidence(lambda: None)

    def __call__(self, *, at: float = LONG) -> Scan:
        return self.scanner.scan(self.evidence, wall=time.time() + at, monotonic=at)


def names(state: TreeState) -> list[str]:
    return [os.path.basename(path) for path in state.files]


@pytest.mark.parametrize(
    "name",
    [".#a.yaml", "a.yaml~", ".a.yaml.swp", "4913", ".a.yaml.AbC123", "sedXyZ1", "#a.yaml#", "a.yaml.bak", ".a.yaml"],
)
def test_names_of_backups_and_temporary_files_are_ignored(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("a: 1")
    (tmp_path / "a.yaml").write_text("a: 1")
    assert names(Scans(tmp_path)().state) == ["a.yaml"]


@pytest.mark.parametrize("name", ["a.yaml", "a.yml", "a.json", "a b.yaml", "ä.yaml"])
def test_yaml_and_json_files_are_read(name: str, tmp_path: Path) -> None:
    assert is_config_name(name)
    (tmp_path / "team" / "sub").mkdir(parents=True)
    (tmp_path / "team" / "sub" / name).write_text("a: 1")
    (file,) = Scans(tmp_path)().state.files.values()
    assert file.id == f"{tmp_path}/team/sub/{name}"
    assert file.content == b"a: 1"


def test_hidden_directories_are_not_read_but_links_into_them_are(tmp_path: Path) -> None:
    data = tmp_path / "..2024_01_01"
    data.mkdir()
    (data / "a.yaml").write_text("a: 1")
    (tmp_path / "..data").symlink_to(data.name)
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    assert list(Scans(tmp_path)().state.files) == [f"{tmp_path}/a.yaml"]


def test_a_cycle_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.yaml").write_text("a: 1")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "z").symlink_to("sub")
    assert list(Scans(tmp_path)().state.files) == [f"{tmp_path}/sub/a.yaml"]


def test_links_that_lead_nowhere_are_named_once_they_have_for_a_while(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("nowhere.yaml")
    (tmp_path / ".#b.yaml").symlink_to("user@host.123:456")  # how Emacs locks a file
    scans = Scans(tmp_path)
    first = scans(at=10.0)
    assert (first.state.files, first.state.unreadable, first.state.dangling) == ({}, {}, ())
    assert first.wait is not None
    assert scans(at=11.0).state.dangling == (f"{tmp_path}/a.yaml",)


def test_a_file_whose_link_leads_nowhere_any_more_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("a: 1")
    (tmp_path / "a.yaml").symlink_to("real.txt")
    scans = Scans(tmp_path)
    assert names(scans(at=10.0).state) == ["a.yaml"]
    (tmp_path / "real.txt").rename(tmp_path / "gone.txt")
    for at in (11.0, 12.0):
        scan = scans(at=at)
    assert scan.state.files == {}
    assert scan.state.dangling == (f"{tmp_path}/a.yaml",)
    (tmp_path / "gone.txt").rename(tmp_path / "real.txt")
    assert names(scans(at=13.0).state) == ["a.yaml"]


def test_links_out_of_a_root_are_followed_and_named(tmp_path: Path) -> None:
    root, common = tmp_path / "conf", tmp_path / "common"
    for directory in (root, common):
        directory.mkdir()
    (common / "a.yaml").write_text("a: 1")
    (root / "a.yaml").symlink_to(common / "a.yaml")
    (root / "more").symlink_to(common)
    (root / "own.yaml").symlink_to("own.json")
    (root / "own.json").write_text("{}")
    state = Scans(root)().state
    assert names(state) == ["a.yaml", "a.yaml", "own.json", "own.yaml"]
    assert dict(state.outside) == {f"{root}/a.yaml": f"{common}/a.yaml", f"{root}/more": str(common)}


def test_a_tree_that_does_not_end_is_read_to_some_depth(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(600):
        deep /= "d"
    os.makedirs(deep)
    (tmp_path / "a.yaml").write_text("a: 1")
    state = Scans(tmp_path)().state
    assert names(state) == ["a.yaml"]
    (reason,) = state.unreadable.values()
    assert "100 directories deep" in reason


def test_a_root_that_becomes_a_file_has_not_lost_its_files(tmp_path: Path) -> None:
    root = tmp_path / "conf"
    root.mkdir()
    (root / "a.yaml").write_text("a: 1")
    scans = Scans(root)
    scans()
    root.rename(tmp_path / "elsewhere")
    root.write_text("b: 1")
    state = scans().state
    assert (list(state.files), state.replaced) == ([str(root)], (str(root),))


def test_work_grows_with_what_is_there_and_not_with_its_square(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, ways = 0, tree.path_and_above

    def counted(path: str) -> Iterator[str]:
        nonlocal steps
        for way in ways(path):
            steps += 1
            yield way

    monkeypatch.setattr(tree, "path_and_above", counted)
    root = os.fsencode(tmp_path)
    for number in range(300):
        with open(root + f"/{number}-".encode() + b"\xff.yaml", "wb"):
            pass
    for number in range(100):
        (tmp_path / f"{number}.yaml").write_text("a: 1")
    scans = Scans(tmp_path)
    assert len(scans().state.files) == 100
    assert steps == 0, "files that are there are asked about without a look at those that cannot be read"
    for number in range(100):
        (tmp_path / f"{number}.yaml").unlink()
    scans(at=2 * LONG)
    assert 0 < steps < 100 * 3 * 20, "each is held against the directories above it, not against each name"


def test_what_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("a.yaml")
    os.mkfifo(tmp_path / "fifo.yaml")
    scan = Scans(tmp_path)()
    assert list(scan.state.unreadable) == [f"{tmp_path}/a.yaml"]
    assert "links" in scan.state.unreadable[f"{tmp_path}/a.yaml"]


def test_a_name_that_is_not_text_is_reported_not_read(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff.yaml", "wb") as file:
        file.write(b"a: 1")
    scan = Scans(tmp_path)()
    assert scan.state.files == {}
    (reason,) = scan.state.unreadable.values()
    assert "UTF-8" in reason


def test_a_root_may_be_one_file_of_any_name(tmp_path: Path) -> None:
    (tmp_path / "mesh.conf").write_text("a: 1")
    (tmp_path / "other.yaml").write_text("a: 1")
    assert names(Scans(tmp_path / "mesh.conf")().state) == ["mesh.conf"]


def test_roots_that_overlap_give_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.yaml").write_text("a: 1")
    assert len(Scans(tmp_path, tmp_path / "sub", tmp_path / "sub" / "a.yaml")().state.files) == 1


def test_a_root_that_does_not_exist_is_missing_and_its_files_are_not_deleted(tmp_path: Path) -> None:
    root = tmp_path / "conf"
    root.mkdir()
    (root / "a.yaml").write_text("a: 1")
    scans = Scans(root)
    first = scans().state
    root.rename(tmp_path / "elsewhere")
    scan = scans()
    assert scan.changed
    assert scan.state.missing == (str(root),)
    (tmp_path / "elsewhere").rename(root)
    back = scans().state
    assert back.missing == ()
    assert back.files[f"{root}/a.yaml"] is first.files[f"{root}/a.yaml"]


def test_nothing_changed_is_the_same_state(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1")
    scans = Scans(tmp_path)
    first = scans()
    again = scans()
    assert (first.changed, again.changed) == (True, False)
    assert again.state is first.state


def test_a_file_rewritten_with_equal_content_is_not_a_change(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1")
    scans = Scans(tmp_path)
    scans()
    (tmp_path / "new").write_text("a: 1")
    (tmp_path / "new").rename(tmp_path / "a.yaml")
    assert not scans().changed


def test_a_change_that_keeps_size_and_mtime_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1")
    os.utime(path, (1_600_000_000, 1_600_000_000))
    scans = Scans(tmp_path)
    scans()
    (tmp_path / "new").write_text("a: 2")
    os.utime(tmp_path / "new", (1_600_000_000, 1_600_000_000))
    (tmp_path / "new").rename(path)
    assert scans().state.files[str(path)].content == b"a: 2"


def test_a_file_that_no_event_told_of_is_left_alone_while_it_is_fresh(tmp_path: Path) -> None:
    scans = Scans(tmp_path)
    scans()
    (tmp_path / "a.yaml").write_text("a: 1")
    early = scans(at=0)
    assert not early.changed
    assert early.wait is not None
    assert early.wait <= 0.1
    assert names(scans(at=0.2).state) == ["a.yaml"]


def test_a_file_that_a_writer_has_open_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    scans = Scans(tmp_path)
    scans()
    path.write_text("a: ")
    scans.evidence.dispatch(FileCreatedEvent(str(path)))
    scans.evidence.dispatch(FileModifiedEvent(str(path)))
    assert not scans(at=0.5).changed
    path.write_text("a: 1")
    scans.evidence.dispatch(FileClosedEvent(str(path)))
    assert scans(at=0).state.files[str(path)].content == b"a: 1"


def test_a_writer_that_never_ends_does_not_keep_its_file_back_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1")
    scans = Scans(tmp_path)
    scans.evidence.dispatch(FileModifiedEvent(str(path)))
    waited = 0
    for tenth in range(100):
        now = time.time() + tenth / 10
        os.utime(path, (now, now))
        if scans(at=tenth / 10).changed and path.name in names(scans(at=tenth / 10).state):
            break
        waited = tenth
    assert 40 <= waited <= 60


def test_an_emptied_file_is_left_alone_a_little_even_when_it_was_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1")
    scans = Scans(tmp_path)
    scans()
    path.write_text("")
    scans.evidence.dispatch(FileClosedEvent(str(path)))
    early = scans(at=0)
    assert early.state.files[str(path)].content == b"a: 1"
    assert early.wait is not None
    assert scans(at=0.5).state.files[str(path)].content == b""


def test_a_file_that_is_absent_for_a_moment_is_not_deleted(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1")
    scans = Scans(tmp_path)
    first = scans(at=1)
    path.rename(tmp_path / "a.yaml~")
    scans.evidence.dispatch(FileMovedEvent(str(path), f"{path}~"))
    gone = scans(at=2)
    assert not gone.changed
    assert gone.wait is not None
    path.write_text("a: 1")
    back = scans(at=3)
    assert back.state is first.state
    path.unlink()
    assert not scans(at=4).changed
    assert scans(at=4.2).state.files == {}


def test_a_move_is_one_change(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1")
    scans = Scans(tmp_path)
    scans()
    (tmp_path / "a.yaml").rename(tmp_path / "b.yaml")
    scans.evidence.dispatch(FileMovedEvent(str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")))
    assert names(scans().state) == ["b.yaml"]


def test_a_move_that_no_event_told_of_is_one_change_too(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1")
    scans = Scans(tmp_path)
    scans(at=100)
    (tmp_path / "a.yaml").rename(tmp_path / "b.yaml")
    assert not scans(at=101).changed
    assert names(scans(at=101.2).state) == ["b.yaml"]


def test_two_writes_within_one_tick_of_the_clock_are_both_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1")
    scans = Scans(tmp_path)
    scans.evidence.dispatch(FileClosedEvent(str(path)))
    first = scans.scanner.scan(scans.evidence, wall=path.stat().st_mtime, monotonic=0)
    assert first.wait is not None
    entry = scans.scanner._known[str(path)]
    with path.open("r+b") as file:
        file.write(b"a: 2")
    # As if the kernel's clock had not moved on between the two writes.
    entry.found = type(entry.found)(str(path), str(path), path.stat(), False)
    assert scans().state.files[str(path)].content == b"a: 2"
