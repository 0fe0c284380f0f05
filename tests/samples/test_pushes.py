"""The demo shows one line for each push, and every complaint with its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from samples.bookinfo.pushes import follow_pushes, shorten

RULES = Path("/somewhere/.demo/rules")


def test_a_push_is_one_line_that_says_what_was_read() -> None:
    lines = [
        "2026-01-02T03:04:05.678 INFO configuration f0ea: 11 resources in 4 files",
        "2026-01-02T03:04:05.690 INFO push to 7 streams, context built in 0 ms",
        "2026-01-02T03:04:06.000 INFO push to 8 streams, context built in 0 ms",
    ]
    assert list(shorten(lines, RULES)) == [
        "03:04:05 push to 7 streams, context built in 0 ms (11 resources in 4 files)",
        "03:04:06 push to 8 streams, context built in 0 ms",
    ]


def test_complaints_are_marked_and_name_the_file_shortly() -> None:
    lines = [
        f"2026-01-02T03:04:05.678 ERROR {RULES}/reviews.yaml:3:7: error[unknown-field]: no such field",
        "2026-01-02T03:04:05.678 WARNING something odd",
        "2026-01-02T03:04:05.679 INFO configuration f0ea: 11 resources in 4 files, 1 file held back",
        "Traceback (most recent call last):",
        "",
    ]
    assert list(shorten(lines, RULES)) == [
        "03:04:05 ✗ reviews.yaml:3:7: error[unknown-field]: no such field",
        "03:04:05 ! something odd",
        "03:04:05 configuration f0ea: 11 resources in 4 files, 1 file held back",
        "         Traceback (most recent call last):",
    ]


class EndedError(Exception):
    pass


def test_following_starts_at_the_end_and_waits_for_whole_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\n")
    rounds = iter(["new ", "line\nnext\n"])

    def check_alive() -> None:
        more = next(rounds, None)
        if more is None:
            raise EndedError
        with log.open("a") as file:
            file.write(more)

    seen: list[str] = []
    with pytest.raises(EndedError):
        seen.extend(follow_pushes(log, RULES, check_alive))
    assert [line.strip() for line in seen] == ["new line", "next"]
