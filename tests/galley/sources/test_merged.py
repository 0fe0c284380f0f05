"""Several sources as one."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.kinds.networking.destination_rule import DestinationRule
from galley.publishing.latest import Latest
from galley.publishing.publisher import ConfigReport, PublishOptions, publish
from galley.snapshot import ConfigSnapshot
from galley.sources import ConfigSource, SourceState, UnitId
from galley.sources.directory import DirectorySource
from galley.sources.memory import MemorySource
from galley.sources.merged import MergedSource


def a_rule(name: str, host: str) -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        f"metadata: {{name: {name}}}\nspec: {{host: {host}}}\n"
    )


BROKEN = a_rule("x", "x").replace("host", "hots")


class Published:
    """What two sources together lead to: the hosts in force, the units held, the files with errors."""

    def __init__(self, reports: Latest[ConfigReport], configs: Latest[ConfigSnapshot]) -> None:
        self._reports = reports
        self._configs = configs

    async def until(self, hosts: set[str], held: set[UnitId], errors: set[str]) -> None:
        """Wait until this is so; a directory may show several states on the way."""
        serial, now = 0, None
        try:
            async with asyncio.timeout(5):
                while now != (hosts, held, errors):
                    serial, report = await self._reports.newer_than(serial)
                    rules = self._configs.value.of(DestinationRule) if self._configs.value is not None else ()
                    wrong = {one.origin.file for one in report.diagnostics if one.is_error}
                    now = ({rule.spec.host for rule in rules}, {one.unit for one in report.held}, wrong)
        except TimeoutError:
            assert now == (hosts, held, errors)


@asynccontextmanager
async def publishing(source: ConfigSource, options: PublishOptions | None = None) -> AsyncIterator[Published]:
    reports, configs = Latest[ConfigReport](), Latest[ConfigSnapshot]()
    task = asyncio.create_task(publish(source, configs, reports, options or PublishOptions()))
    try:
        yield Published(reports, configs)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_each_of_two_sources_fails_and_recovers_alone(tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    path = conf / "a.yaml"
    path.write_text(a_rule("a", "reviews"))
    memory = MemorySource({"b": a_rule("b", "ratings")})
    merged = MergedSource({"": DirectorySource([str(conf)], poll_interval=0.05), "embedded": memory})
    async with publishing(merged) as published:
        await published.until({"reviews", "ratings"}, set(), set())
        memory.update({"b": BROKEN})
        await published.until({"reviews", "ratings"}, {"embedded:memory/b"}, {"embedded:memory/b"})
        path.write_text(a_rule("a", "details"))
        await published.until({"details", "ratings"}, {"embedded:memory/b"}, {"embedded:memory/b"})
        os.rename(conf, tmp_path / "away")
        wrong = {str(path), "embedded:memory/b"}
        await published.until({"details", "ratings"}, wrong, {str(conf), "embedded:memory/b"})
        memory.update({"b": a_rule("b", "productpage")})
        await published.until({"details", "productpage"}, {str(path)}, {str(conf)})
        memory.update({"b": None})
        await published.until(
            {"details", "productpage"}, {str(path), "embedded:memory/b"}, {str(conf), "embedded:memory"}
        )
        os.rename(tmp_path / "away", conf)
        await published.until({"details", "productpage"}, {"embedded:memory/b"}, {"embedded:memory"})
        memory.update({"c": a_rule("c", "ratings")})
        await published.until({"details", "ratings"}, set(), set())


async def test_what_was_accepted_of_each_source_is_found_after_a_restart(tmp_path: Path) -> None:
    conf, options = tmp_path / "conf", PublishOptions(state=str(tmp_path / "state"))
    conf.mkdir()
    (conf / "a.yaml").write_text(a_rule("a", "reviews"))
    async with publishing(DirectorySource([str(conf)]), options) as published:  # when there was one source only
        await published.until({"reviews"}, set(), set())
    for text in (a_rule("b", "ratings"), BROKEN):
        merged = MergedSource({"": DirectorySource([str(conf)]), "embedded": MemorySource({"b": text})})
        wrong = {"embedded:memory/b"} if text == BROKEN else set()
        async with publishing(merged, options) as published:
            await published.until({"reviews", "ratings"}, wrong, wrong)
    shutil.rmtree(conf)
    async with publishing(merged, options) as published:
        await published.until({"reviews", "ratings"}, {str(conf / "a.yaml"), *wrong}, {str(conf), *wrong})


async def test_the_first_state_waits_for_every_member() -> None:
    silent = Silent()
    states = MergedSource({"": MemorySource({"a": "1"}), "other": silent}).states()
    first = asyncio.ensure_future(anext(states))
    await silent.asked.wait()
    assert not first.done()
    silent.speaks.set()
    assert list((await first).units) == ["memory/a"]
    await states.aclose()
    assert silent.closed


async def test_an_unchanged_unit_stays_the_same_object() -> None:
    one, other = MemorySource({"a": "1"}), MemorySource({"b": "2"})
    states = MergedSource({"one": one, "other": other}).states()
    first = await anext(states)
    other.update({"b": "3"})
    second = await anext(states)
    assert second.units["one:memory/a"] is first.units["one:memory/a"]
    assert second.units["other:memory/b"].content == b"3"
    await states.aclose()


async def test_what_a_member_raises_is_raised() -> None:
    states = MergedSource({"": MemorySource({"a": "1"}), "other": Silent(OSError("gone"))}).states()
    with pytest.raises(OSError, match="gone"):
        await anext(states)


class Silent:
    """A source that says nothing until it is let, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked, self.speaks = asyncio.Event(), asyncio.Event()
        self.error = error
        self.closed = False

    async def states(self) -> AsyncGenerator[SourceState, None]:
        self.asked.set()
        if self.error is not None:
            raise self.error
        try:
            await self.speaks.wait()
            yield SourceState(units={})
            await asyncio.Event().wait()
        finally:
            self.closed = True

    def durable_id(self, unit: UnitId) -> str:
        return unit

    def unit_id(self, durable_id: str) -> UnitId | None:
        return durable_id


IDS = st.text(alphabet="ab:/", max_size=6)


@given(st.sets(IDS), st.sets(IDS), st.sets(IDS))
def test_ids_of_members_stay_apart_and_lead_back_to_them(one: set[str], other: set[str], third: set[str]) -> None:
    async def first_state() -> SourceState:
        return await anext(merged.states())

    members = {
        name: MemorySource(dict.fromkeys(ids, name), root=root)
        for name, root, ids in (("", "a:b", one), ("a", "b", other), ("b", "", third))
    }
    merged = MergedSource(members)
    state = asyncio.run(first_state())
    assert len(state.units) == len(one) + len(other) + len(third)
    for unit in state.units:
        assert merged.unit_id(merged.durable_id(unit)) == unit


@pytest.mark.parametrize("name", ["A", "a:b", "a/b", "ä"])
def test_names_of_members_can_be_told_from_ids(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a source"):
        MergedSource({name: MemorySource()})
