"""`make demo-check` and `make demo`, as a user runs them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.harness.client import request
from tests.e2e.harness.conditions import eventually

ROOT = Path(__file__).parents[2]
DEMO = [sys.executable, "-m", "samples.bookinfo.demo"]


def children_of(pid: int) -> set[int]:
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[1]) == pid:
            found.add(int(status.parent.name))
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("arguments", [[], ["--one-address"]], ids=["own-addresses", "one-address"])
def test_the_check_passes(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO, "--check", "--home", str(tmp_path), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    assert len(re.findall("^✓", done.stdout, re.MULTILINE)) >= 11


StartDemo = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start_demo(tmp_path: Path) -> Iterator[StartDemo]:
    """Starts a demo with its files in ``tmp_path/demo`` and what it says in ``tmp_path/output``."""
    with ExitStack() as ending:

        def start(*arguments: str) -> subprocess.Popen[str]:
            output = ending.enter_context((tmp_path / "output").open("w"))
            command = [*DEMO, "--home", str(tmp_path / "demo"), *arguments]
            started = ending.enter_context(subprocess.Popen(command, cwd=ROOT, stdout=output, text=True))
            ending.callback(started.kill)
            eventually(lambda: "Bookinfo is up" in (tmp_path / "output").read_text(), timeout=60, what="a welcome")
            return started

        yield start


def test_the_demo_follows_edits_and_leaves_nothing_behind(start_demo: StartDemo, tmp_path: Path) -> None:
    def await_line(pattern: str, text: str) -> None:
        """Save ``text`` as reviews.yaml, and wait for a line like ``pattern``."""
        before = len(said())
        (tmp_path / "demo" / "rules" / "reviews.yaml").write_text(text)
        eventually(lambda: re.search(pattern, said()[before:]), timeout=15, what=pattern)

    def said() -> str:
        return (tmp_path / "output").read_text()

    demo = start_demo()
    url = re.search(r"http://localhost:(\d+)/productpage", said())
    assert url is not None
    assert request(("127.0.0.1", int(url[1])), "/productpage").status == 200
    children = children_of(demo.pid)
    assert len(children) == 1 + 1 + 6 + 7, "a watcher, a control plane, six applications and seven Envoys"

    rule = (ROOT / "samples/bookinfo/try/reviews-80-20.yaml").read_text()
    await_line(r"reviews\.yaml: VirtualService reviews added → .*productpage-v1|all but ingressgateway", rule)
    await_line(r"reviews\.yaml saved: no change for any proxy", rule + "# a comment\n")
    await_line(r"✗ reviews\.yaml:\d+:\d+", rule + "oops: [")
    await_line("all files in force again", rule)

    demo.send_signal(signal.SIGINT)
    assert demo.wait(20) == 0
    assert not [pid for pid in children if is_running(pid)]


def test_rules_stay_from_start_to_start_until_a_fresh_one_keeps_them_aside(
    start_demo: StartDemo, tmp_path: Path
) -> None:
    rules = tmp_path / "demo" / "rules"
    first = start_demo()
    (rules / "mine.yaml").write_text("# nothing yet\n")
    (rules / "services.yaml").write_text((rules / "services.yaml").read_text() + "\n# mine\n")
    first.send_signal(signal.SIGINT)
    assert first.wait(20) == 0

    second = start_demo()
    assert (rules / "mine.yaml").exists()
    assert "# mine" in (rules / "services.yaml").read_text()
    second.send_signal(signal.SIGINT)
    assert second.wait(20) == 0

    third = start_demo("--fresh", "--one-address")
    aside = re.search(r"your rules are now in (\S+)", (tmp_path / "output").read_text())
    assert aside is not None
    assert "# mine" in Path(aside[1], "services.yaml").read_text()
    assert not (rules / "mine.yaml").exists()
    third.send_signal(signal.SIGINT)
    assert third.wait(20) == 0


def test_a_demo_that_is_killed_leaves_no_process_behind(start_demo: StartDemo) -> None:
    demo = start_demo()
    children = children_of(demo.pid)
    demo.kill()
    demo.wait()
    eventually(lambda: not any(map(is_running, children)), timeout=15, what="the end of all processes")


def test_what_even_the_watcher_could_not_end_is_ended_by_the_next_start(start_demo: StartDemo, tmp_path: Path) -> None:
    demo = start_demo()
    children = children_of(demo.pid)
    watcher = next(pid for pid in children if b"leftovers" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(watcher, signal.SIGKILL)
    demo.kill()
    demo.wait()
    again = start_demo()
    assert "ended 8 processes" in (tmp_path / "output").read_text()
    assert not any(map(is_running, children))
    assert len(children_of(again.pid)) == len(children)
    again.send_signal(signal.SIGINT)
    assert again.wait(20) == 0
