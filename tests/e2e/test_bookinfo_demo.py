"""`make demo-check` and `make demo`, as a user runs them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
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
    assert len(re.findall("^✓", done.stdout, re.MULTILINE)) >= 9


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    output = (tmp_path / "output").open("w")
    with subprocess.Popen([*DEMO, "--home", str(tmp_path / "demo")], cwd=ROOT, stdout=output, text=True) as started:
        yield started
        started.kill()


def test_the_demo_follows_edits_and_leaves_nothing_behind(demo: subprocess.Popen[str], tmp_path: Path) -> None:
    def said() -> str:
        return (tmp_path / "output").read_text()

    url = eventually(lambda: re.search(r"http://localhost:(\d+)/productpage", said()), timeout=60)
    assert request(("127.0.0.1", int(url[1])), "/productpage").status == 200
    children = children_of(demo.pid)
    assert len(children) == 1 + 6 + 7, "a control plane, six applications and seven Envoys"

    before = len(said())
    rule = (ROOT / "samples/bookinfo/try/reviews-80-20.yaml").read_text()
    (tmp_path / "demo" / "rules" / "reviews.yaml").write_text(rule)
    eventually(lambda: "push" in said()[before:], timeout=10, what="a line about the push")

    before = len(said())
    (tmp_path / "demo" / "rules" / "reviews.yaml").write_text(rule + "oops: [")
    eventually(lambda: re.search(r"reviews\.yaml:\d+:\d+", said()[before:]), timeout=10, what="file, line and column")

    demo.send_signal(signal.SIGINT)
    assert demo.wait(20) == 0
    assert not [pid for pid in children if is_running(pid)]
