"""What events tell about writes."""

from __future__ import annotations

import sys

import pytest
from watchdog.events import (
    DirModifiedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
)

from galley.sources import evidence as module
from galley.sources.evidence import Write, WriteEvidence

A, B = "/conf/a.yaml", "/conf/b.yaml"


@pytest.mark.skipif(sys.platform != "linux", reason="only inotify tells of closing")
@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([FileCreatedEvent(A)], None),
        ([FileModifiedEvent(A)], Write.OPEN),
        ([FileModifiedEvent(A), FileClosedEvent(A)], Write.COMPLETE),
        ([FileClosedEvent(A), FileModifiedEvent(A)], Write.OPEN),
        ([FileMovedEvent(B, A)], Write.COMPLETE),
        ([FileMovedEvent("", A)], Write.COMPLETE),
        ([FileClosedEvent(A), FileMovedEvent(A, B)], None),
        ([FileClosedEvent(A), FileDeletedEvent(A)], None),
        ([FileModifiedEvent(A), FileCreatedEvent(A)], None),
        ([DirModifiedEvent(A)], None),
    ],
)
def test_the_last_event_tells(events: list[FileSystemEvent], expected: Write | None) -> None:
    evidence = WriteEvidence(lambda: None)
    for event in events:
        evidence.dispatch(event)
    assert evidence.write(A) is expected


def test_every_event_wakes() -> None:
    woken = []
    evidence = WriteEvidence(lambda: woken.append(1))
    evidence.dispatch(FileClosedEvent(A))
    evidence.dispatch(DirModifiedEvent("/conf"))
    assert len(woken) == 2


def test_a_move_tells_where_to_until_the_file_is_back() -> None:
    evidence = WriteEvidence(lambda: None)
    evidence.dispatch(FileMovedEvent(A, B))
    assert evidence.moved_to(A) == B
    evidence.dispatch(FileCreatedEvent(A))
    assert evidence.moved_to(A) is None


def test_to_forget_drops_what_was_read_but_not_that_a_writer_is_at_it() -> None:
    evidence = WriteEvidence(lambda: None)
    evidence.dispatch(FileClosedEvent(A))
    evidence.forget(A)
    assert evidence.write(A) is None
    evidence.dispatch(FileModifiedEvent(A))
    before = evidence.write(A)
    evidence.forget(A)
    assert evidence.write(A) is before


def test_evidence_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_PATHS", 3)
    evidence = WriteEvidence(lambda: None)
    for number in range(10):
        evidence.dispatch(FileClosedEvent(f"/conf/{number}.yaml"))
    assert evidence.write("/conf/0.yaml") is None
    assert evidence.write("/conf/9.yaml") is Write.COMPLETE
