"""The source in memory."""

from __future__ import annotations

from galley.sources.memory import MemorySource


async def test_updates_between_two_reads_are_one_change() -> None:
    source = MemorySource({"a.yaml": "1", "b.yaml": b"2"})
    states = source.states()
    first = await anext(states)
    assert {one: unit.content for one, unit in first.units.items()} == {"memory/a.yaml": b"1", "memory/b.yaml": b"2"}
    source.update({"a.yaml": "3"})
    source.update({"c.yaml": "4", "b.yaml": None})
    second = await anext(states)
    assert {one: unit.content for one, unit in second.units.items()} == {"memory/a.yaml": b"3", "memory/c.yaml": b"4"}
    source.update({"c.yaml": "4"})
    third = await anext(states)
    assert third.units["memory/a.yaml"] is second.units["memory/a.yaml"]
    assert third.units["memory/c.yaml"] is second.units["memory/c.yaml"]
    await states.aclose()
