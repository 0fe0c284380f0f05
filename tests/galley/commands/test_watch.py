"""The command that follows directories."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from galley.commands.watch import describe
from galley.publishing.acceptance import REFUSED, HeldUnit
from galley.publishing.publisher import ConfigReport
from galley.text.diagnostics import Diagnostic, Origin, Severity
from tests.galley.documents import document

GOOD = document("DestinationRule", "host: a.example.com")
BROKEN = document("DestinationRule", "hots: a.example.com")
PROBLEM = Diagnostic(Severity.ERROR, "unknown-field", "`hots` is not a field", Origin("conf/a.yaml", 6, 3))


def a_report(**changes: object) -> ConfigReport:
    return ConfigReport(version="abc", units=2, resources=5, **changes)  # type: ignore[arg-type]


def test_changes_diagnostics_and_held_units_are_told_once() -> None:
    held = HeldUnit("conf/a.yaml", REFUSED, REFUSED, True)
    first = a_report(accepted=("conf/b.yaml",), held=(held,), diagnostics=(PROBLEM,))
    assert list(describe(first, None)) == [
        "accepted conf/b.yaml: version abc, 5 resources of 2 files",
        "conf/a.yaml:6:3: error[unknown-field]: `hots` is not a field",
        "held conf/a.yaml (refused): its last accepted content stays in force",
    ]
    assert list(describe(a_report(held=(held,), diagnostics=(PROBLEM,)), first)) == []


def test_a_file_that_is_repaired_by_undoing_is_no_longer_held() -> None:
    first = a_report(held=(HeldUnit("conf/a.yaml", REFUSED, REFUSED, True),))
    assert next(describe(first, None)) == "in force from before: version abc, 5 resources of 2 files"
    assert list(describe(a_report(), first)) == ["no longer held: conf/a.yaml"]
    assert list(describe(a_report(accepted=("conf/a.yaml",)), first)) == [
        "accepted conf/a.yaml: version abc, 5 resources of 2 files"
    ]


def test_many_files_are_not_all_named() -> None:
    (line,) = describe(a_report(removed=tuple(f"{n}.yaml" for n in range(5))), None)
    assert line.startswith("removed 0.yaml, 1.yaml, 2.yaml and 2 more: ")


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "galley", "watch", *arguments]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


async def line_with(process: subprocess.Popen[str], text: str) -> str:
    """The next line that contains ``text``."""
    assert process.stdout is not None
    async with asyncio.timeout(10):
        while text not in (line := await asyncio.to_thread(process.stdout.readline)):
            assert line, f"the command ended without {text!r}"
    return line


async def test_the_command_follows_until_a_signal(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    with running(str(tmp_path)) as process:
        await line_with(process, "accepted")
        (tmp_path / "a.yaml").write_text(BROKEN)
        assert "a.yaml:6:3: error[unknown-field]" in await line_with(process, "error")
        await line_with(process, "its last accepted content stays in force")
        (tmp_path / "a.yaml").write_text(GOOD.replace("example", "other"))
        await line_with(process, "accepted")
        process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(process.wait, 10) == 0


async def test_errors_from_the_start_end_the_command_with_1(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(BROKEN)
    with running(str(tmp_path)) as process:
        await line_with(process, "error[unknown-field]")
        await line_with(process, "--accept-partial")
        assert await asyncio.to_thread(process.wait, 10) == 1


async def test_killed_without_warning_it_starts_from_what_was_accepted(tmp_path: Path) -> None:
    conf, state = tmp_path / "conf", tmp_path / "state"
    conf.mkdir()
    (conf / "a.yaml").write_text(GOOD)
    with running(str(conf), "--state", str(state)) as process:
        version = (await line_with(process, "accepted")).split("version ")[1]
        os.kill(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait, 10)
    (conf / "a.yaml").write_text(BROKEN)
    (conf / "b.yaml").write_text("# nothing here\n")
    with running(str(conf), "--state", str(state)) as process:
        line = await line_with(process, "accepted")
        assert "b.yaml" in line
        assert line.split("version ")[1].split(",")[0] == version.split(",")[0]
        await line_with(process, "a.yaml (refused): its last accepted content stays in force")
