"""Watching real directories while real tools save into them: one state per save, and that one complete."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from galley.sources import SourceState
from galley.sources import directory as module
from galley.sources.directory import DirectorySource, read_paths

PATIENCE = 5.0


class Watched:
    """The states of a source, one after another."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.queue: asyncio.Queue[SourceState] = asyncio.Queue()

    async def next(self) -> SourceState:
        async with asyncio.timeout(PATIENCE):
            return await self.queue.get()

    def texts(self, state: SourceState) -> dict[str, str]:
        return {os.path.relpath(path, self.root): unit.content.decode() for path, unit in state.units.items()}


@asynccontextmanager
async def watching(root: Path, *roots: Path, poll_interval: float = 30.0) -> AsyncIterator[Watched]:
    """Watch ``root`` (and ``roots``), without polling unless told, and take the first state out."""
    watched = Watched(root)
    source = DirectorySource([str(one) for one in (root, *roots)], poll_interval=poll_interval)

    async def collect() -> None:
        async with aclosing(source.states()) as states:
            async for state in states:
                watched.queue.put_nowait(state)

    collecting = asyncio.create_task(collect())
    try:
        await watched.next()
        yield watched
    finally:
        collecting.cancel()
        await asyncio.wait([collecting])


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    root = tmp_path / "conf"
    root.mkdir()
    for name in "abc":
        (root / f"{name}.yaml").write_text("value: old\n")
    return root


def run(*command: str, cwd: Path) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{role}_NAME": "tester", f"GIT_{role}_EMAIL": "tester@example.com"}
    subprocess.run(command, cwd=cwd, check=True, capture_output=True, env=environment)


def truncate_and_write(conf: Path) -> None:
    (conf / "a.yaml").write_text("value: new\n")


def write_in_pieces(conf: Path) -> None:
    with (conf / "a.yaml").open("w") as file:
        for piece in ("val", "ue: ", "new", "\n"):
            file.write(piece)
            file.flush()
            time.sleep(0.03)  # a slow writer, longer than the quiet time


def write_after_a_pause(conf: Path) -> None:
    (conf / "a.yaml").write_text("")
    time.sleep(0.05)
    (conf / "a.yaml").write_text("value: new\n")


def rename_over(conf: Path) -> None:
    (conf / ".a.yaml.tmp").write_text("value: new\n")
    os.replace(conf / ".a.yaml.tmp", conf / "a.yaml")


def rename_from_outside(conf: Path) -> None:
    (conf.parent / "a.new").write_text("value: new\n")
    os.replace(conf.parent / "a.new", conf / "a.yaml")


def remove_and_create(conf: Path) -> None:
    (conf / "a.yaml").unlink()
    time.sleep(0.03)
    (conf / "a.yaml").write_text("value: new\n")


def save_like_vim(conf: Path) -> None:
    (conf / "4913").touch()
    (conf / "4913").unlink()
    (conf / ".a.yaml.swp").write_bytes(b"b0VIM")
    (conf / "a.yaml").rename(conf / "a.yaml~")
    with (conf / "a.yaml").open("w") as file:
        file.write("value: new\n")
        file.flush()
        os.fsync(file.fileno())
    (conf / "a.yaml").chmod(0o644)
    (conf / "a.yaml~").unlink()
    (conf / ".a.yaml.swp").unlink()


def save_like_emacs(conf: Path) -> None:
    (conf / ".#a.yaml").symlink_to("user@host.1:1")
    (conf / "#a.yaml#").write_text("value: auto-saved\n")
    shutil.copy2(conf / "a.yaml", conf / "a.yaml~")
    (conf / "a.yaml").write_text("value: new\n")
    (conf / "#a.yaml#").unlink()
    (conf / ".#a.yaml").unlink()


def save_like_rsync(conf: Path) -> None:
    temporary = conf / ".a.yaml.AbC123"
    temporary.write_text("value: new\n")
    os.utime(temporary, (1_700_000_000, 1_700_000_000))
    temporary.chmod(0o640)
    temporary.rename(conf / "a.yaml")


def sed_in_place(conf: Path) -> None:
    run("sed", "-i", "s/old/new/", "a.yaml", cwd=conf)


def vim(conf: Path) -> None:
    run("vim", "-u", "NONE", "-es", "+%s/old/new/", "+set backup", "+wq", "a.yaml", cwd=conf)


def rsync(conf: Path) -> None:
    (conf.parent / "from").mkdir()
    (conf.parent / "from" / "a.yaml").write_text("value: new\n")
    # It compares times in seconds, so it would take two files of one size, made in the same second, for the same.
    run("rsync", "-a", "--ignore-times", "../from/", ".", cwd=conf)


def copy_over(conf: Path) -> None:
    (conf.parent / "a.new").write_text("value: new\n")
    run("cp", "-p", "../a.new", "a.yaml", cwd=conf)


@pytest.mark.parametrize(
    "save",
    [
        truncate_and_write,
        write_in_pieces,
        write_after_a_pause,
        rename_over,
        rename_from_outside,
        remove_and_create,
        save_like_vim,
        save_like_emacs,
        save_like_rsync,
        copy_over,
        sed_in_place,
        pytest.param(vim, marks=pytest.mark.skipif(shutil.which("vim") is None, reason="needs vim")),
        pytest.param(rsync, marks=pytest.mark.skipif(shutil.which("rsync") is None, reason="needs rsync")),
    ],
)
async def test_a_save_is_one_state_and_it_is_complete(save: Callable[[Path], None], conf: Path) -> None:
    async with watching(conf) as watched:
        await asyncio.to_thread(save, conf)
        state = await watched.next()
        # The state after the save holds the final content already, so the next one can only be another change's.
        assert watched.texts(state) == {"a.yaml": "value: new\n", "b.yaml": "value: old\n", "c.yaml": "value: old\n"}
        (conf / "z.yaml").write_text("value: other\n")
        after = await watched.next()
        assert set(watched.texts(after)) == {"a.yaml", "b.yaml", "c.yaml", "z.yaml"}
        assert watched.queue.empty()


async def test_git_checkout_is_one_state(conf: Path) -> None:
    run("git", "init", "-q", "-b", "main", cwd=conf)
    run("git", "add", ".", cwd=conf)
    run("git", "commit", "-q", "-m", "old", cwd=conf)
    run("git", "checkout", "-q", "-b", "new", cwd=conf)
    (conf / "team").mkdir()
    for number in range(50):
        (conf / "team" / f"{number}.yaml").write_text(f"value: {number}\n")
    (conf / "a.yaml").write_text("value: new\n")
    (conf / "b.yaml").rename(conf / "moved.yaml")
    run("git", "add", "-A", ".", cwd=conf)
    run("git", "commit", "-q", "-m", "new", cwd=conf)
    run("git", "checkout", "-q", "main", cwd=conf)
    async with watching(conf) as watched:
        await asyncio.to_thread(run, "git", "checkout", "-q", "new", cwd=conf)
        texts = watched.texts(await watched.next())
        assert len(texts) == 53
        assert texts["a.yaml"] == "value: new\n"
        assert "moved.yaml" in texts
        assert "b.yaml" not in texts
        await asyncio.to_thread(run, "git", "checkout", "-q", "main", cwd=conf)
        back = watched.texts(await watched.next())
        assert back == dict.fromkeys(("a.yaml", "b.yaml", "c.yaml"), "value: old\n")
        assert watched.queue.empty()


def link_config_map(root: Path, version: str) -> None:
    """Write a version as the kubelet mounts a ConfigMap: files, links, and one link that is swapped."""
    data = root / f"..{version}"
    data.mkdir(parents=True)
    for name in "ab":
        (data / f"{name}.yaml").write_text(f"value: {version}\n")
    (root / "..data_tmp").symlink_to(data.name)
    os.replace(root / "..data_tmp", root / "..data")
    for name in "ab":
        if not (root / f"{name}.yaml").is_symlink():
            (root / f"{name}.yaml").symlink_to(f"..data/{name}.yaml")


async def test_a_swapped_config_map_is_one_state(tmp_path: Path) -> None:
    root = tmp_path / "mount"
    link_config_map(root, "1")
    async with watching(root) as watched:
        await asyncio.to_thread(link_config_map, root, "2")
        assert watched.texts(await watched.next()) == dict.fromkeys(("a.yaml", "b.yaml"), "value: 2\n")
        shutil.rmtree(root / "..1")
        await asyncio.to_thread(link_config_map, root, "3")
        assert watched.texts(await watched.next()) == dict.fromkeys(("a.yaml", "b.yaml"), "value: 3\n")
        assert watched.queue.empty()


async def test_a_root_that_is_a_swapped_link_is_followed(tmp_path: Path) -> None:
    for release in ("1", "2"):
        (tmp_path / release).mkdir()
        (tmp_path / release / "a.yaml").write_text(f"value: {release}\n")
    root = tmp_path / "current"
    root.symlink_to("1")
    async with watching(root) as watched:
        (tmp_path / "next").symlink_to("2")
        os.replace(tmp_path / "next", root)
        assert watched.texts(await watched.next()) == {"a.yaml": "value: 2\n"}
        (tmp_path / "2" / "a.yaml").write_text("value: 3\n")
        assert watched.texts(await watched.next()) == {"a.yaml": "value: 3\n"}


async def test_a_root_that_is_one_file_is_followed_through_every_kind_of_save(conf: Path) -> None:
    async with watching(conf / "a.yaml") as watched:
        for value, save in enumerate((truncate_and_write, rename_over, save_like_vim)):
            save(conf)
            (state,) = (await watched.next()).units.values()
            assert state.content == b"value: new\n"
            (conf / "a.yaml").write_text(f"value: {value}\n")
            (state,) = (await watched.next()).units.values()
            assert state.content == f"value: {value}\n".encode()


async def test_new_directories_are_watched_and_removed_files_noticed(conf: Path) -> None:
    async with watching(conf) as watched:
        (conf / "team" / "sub").mkdir(parents=True)
        (conf / "team" / "sub" / "d.yaml").write_text("value: d\n")
        assert "team/sub/d.yaml" in watched.texts(await watched.next())
        (conf / "team" / "sub" / "d.yaml").write_text("value: e\n")
        assert watched.texts(await watched.next())["team/sub/d.yaml"] == "value: e\n"
        shutil.rmtree(conf / "team")
        assert set(watched.texts(await watched.next())) == {"a.yaml", "b.yaml", "c.yaml"}
        (conf / "a.yaml").unlink()
        assert set(watched.texts(await watched.next())) == {"b.yaml", "c.yaml"}


async def test_a_root_that_vanishes_and_comes_back_is_watched_again(conf: Path) -> None:
    async with watching(conf, poll_interval=0.1) as watched:
        os.rename(conf, conf.parent / "away")
        (doubt,) = (await watched.next()).doubts
        assert (doubt.diagnostic.code, doubt.diagnostic.origin.file) == ("directory-missing", str(conf))
        os.mkdir(conf)
        (conf / "a.yaml").write_text("value: again\n")
        state = await watched.next()
        while watched.texts(state) != {"a.yaml": "value: again\n"}:  # the empty directory may be seen first
            state = await watched.next()
    async with watching(conf) as watched:
        truncate_and_write(conf)
        assert watched.texts(await watched.next()) == {"a.yaml": "value: new\n"}


@contextmanager
def silent_events() -> Iterator[None]:
    """Watch nothing, as if inotify told nothing: bind mounts, network file systems, an overflowed queue."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_watched_directories", lambda roots: [])
        yield


@pytest.mark.parametrize("save", [truncate_and_write, rename_over, sed_in_place])
async def test_polling_finds_within_two_seconds_what_events_do_not_tell(
    save: Callable[[Path], None], conf: Path
) -> None:
    assert module.POLL_INTERVAL + 0.2 < 2.0
    with silent_events():
        async with watching(conf, poll_interval=module.POLL_INTERVAL) as watched:
            started = time.monotonic()
            await asyncio.to_thread(save, conf)
            assert watched.texts(await watched.next())["a.yaml"] == "value: new\n"
            assert time.monotonic() - started < 2.0


async def test_without_a_watch_being_possible_polling_goes_on(conf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(module._Watch, "_schedule", refuse)
    async with watching(conf, poll_interval=0.05) as watched:
        truncate_and_write(conf)
        assert watched.texts(await watched.next())["a.yaml"] == "value: new\n"


async def test_files_written_just_before_the_start_are_in_the_first_state(conf: Path) -> None:
    source = DirectorySource([str(conf)])
    (conf / "d.yaml").write_text("value: fresh\n")
    async with aclosing(source.states()) as states:
        assert len((await anext(states)).units) == 4


async def test_a_lock_that_git_left_behind_is_not_waited_for(conf: Path) -> None:
    (conf / ".git").mkdir()
    (conf / ".git" / "index.lock").touch()
    os.utime(conf / ".git" / "index.lock", (1_700_000_000, 1_700_000_000))
    async with watching(conf) as watched:
        started = time.monotonic()
        truncate_and_write(conf)
        await watched.next()
        assert time.monotonic() - started < 2.0


def test_files_are_chosen_as_the_server_chooses_them(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("a.yaml", "b.yml", "c.json", "d.txt", ".e.yaml", "f.yaml~", "below/g.yaml"):
        (tmp_path / name).write_bytes(b"a: 1")
    state = read_paths([str(tmp_path)])
    assert [path.removeprefix(f"{tmp_path}/") for path in state.files] == ["a.yaml", "b.yml", "below/g.yaml", "c.json"]
    assert read_paths([str(tmp_path / "a.yaml")]).files[str(tmp_path / "a.yaml")].content == b"a: 1"


def test_an_empty_file_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"")
    assert [file.content for file in read_paths([str(tmp_path)]).files.values()] == [b""]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    assert read_paths([str(tmp_path / "nowhere")]).missing == (str(tmp_path / "nowhere"),)
