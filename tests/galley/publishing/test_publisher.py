"""The pipeline from a source to published snapshots and reports."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galley.kinds.networking.destination_rule import DestinationRule
from galley.publishing import acceptance
from galley.publishing.acceptance import DOUBTFUL, REFUSED
from galley.publishing.journal import StateInUseError
from galley.publishing.latest import Latest
from galley.publishing.publisher import ConfigReport, ConfigurationRefusedError, PublishOptions, publish
from galley.snapshot import ConfigSnapshot
from galley.sources import ConfigSource
from galley.sources.directory import DirectorySource
from galley.sources.memory import MemorySource


def a_rule(name: str, host: str = "reviews") -> str:
    return (
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
        f"metadata: {{name: {name}}}\nspec: {{host: {host}}}\n"
    )


BROKEN = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a}\nspec: {hots: x}\n"


class Published:
    """Reads what is published, in step with the reports: there is one for every state of the source."""

    def __init__(self, source: ConfigSource, options: PublishOptions) -> None:
        self.configs: Latest[ConfigSnapshot] = Latest()
        self.reports: Latest[ConfigReport] = Latest()
        self.task = asyncio.create_task(publish(source, self.configs, self.reports, options))
        self._seen = 0

    async def report(self) -> ConfigReport:
        waiting = asyncio.create_task(self.reports.newer_than(self._seen))
        async with asyncio.timeout(10):
            await asyncio.wait({waiting, self.task}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            await self.task
        self._seen, report = waiting.result()
        return report

    @property
    def hosts(self) -> list[str]:
        assert self.configs.value is not None
        return sorted(rule.spec.host for rule in self.configs.value.of(DestinationRule))


@asynccontextmanager
async def publishing(source: ConfigSource, options: PublishOptions | None = None) -> AsyncIterator[Published]:
    published = Published(source, options or PublishOptions())
    try:
        yield published
    finally:
        published.task.cancel()
        await asyncio.wait([published.task])


async def test_snapshots_are_of_the_mesh_with_the_domain_that_is_said() -> None:
    source = MemorySource({"a.yaml": a_rule("a")})
    async with publishing(source, PublishOptions(domain="mesh.example")) as published:
        await published.report()
        assert published.configs.value is not None
        assert published.configs.value.domain == "mesh.example"


async def test_a_change_is_published_and_reported() -> None:
    source = MemorySource({"a.yaml": a_rule("a"), "b.yaml": a_rule("b", "ratings")})
    async with publishing(source) as published:
        report = await published.report()
        assert (report.units, report.resources) == (2, 2)
        assert report.accepted == ("memory/a.yaml", "memory/b.yaml")
        assert published.hosts == ["ratings", "reviews"]
        source.update({"b.yaml": a_rule("b", "details"), "a.yaml": None})
        report = await published.report()
        assert (report.accepted, report.removed) == (("memory/b.yaml",), ("memory/a.yaml",))
        assert published.hosts == ["details"]
        assert published.configs.value is not None
        assert report.version == published.configs.value.version


async def test_a_shortened_file_is_in_force_when_it_has_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptance, "SETTLE_SECONDS", 0.05)
    whole = f"{a_rule('a')}---\n{a_rule('b', 'other')}"
    source = MemorySource({"a.yaml": whole})
    async with publishing(source) as published:
        await published.report()
        source.update({"a.yaml": a_rule("a")})
        report = await published.report()
        assert [one.reason for one in report.held] == [DOUBTFUL]
        assert published.hosts == ["other", "reviews"]
        assert (await published.report()).held == (), "by itself, without another change"
        assert published.hosts == ["reviews"]
        source.update({"a.yaml": whole})
        assert (await published.report()).held == ()
        assert published.hosts == ["other", "reviews"]


async def test_a_broken_edit_publishes_no_snapshot_but_a_report_and_its_repair_does() -> None:
    source = MemorySource({"a.yaml": a_rule("a")})
    async with publishing(source) as published:
        first = await published.report()
        source.update({"a.yaml": BROKEN})
        report = await published.report()
        assert report.has_errors
        assert [held.reason for held in report.held] == [REFUSED]
        assert published.configs.serial == 1
        assert [one.code for one in report.news(first)] == ["unknown-field"]
        assert report.news(report) == ()
        source.update({"a.yaml": a_rule("a", "ratings")})
        report = await published.report()
        assert not report.has_errors
        assert published.hosts == ["ratings"]


BROKEN_POLICY = (
    "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\nspec: {acton: DENY}\n"
)


async def test_the_first_start_goes_on_without_a_broken_file() -> None:
    source = MemorySource({"a.yaml": BROKEN, "b.yaml": a_rule("b", "ratings")})
    async with publishing(source) as published:
        report = await published.report()
        assert report.has_errors
        assert [one.unit for one in report.held] == ["memory/a.yaml"]
        assert published.hosts == ["ratings"]


@pytest.mark.parametrize(
    ("files", "options", "reason"),
    [
        ({"a.yaml": a_rule("a"), "b.yaml": BROKEN}, PublishOptions(require_complete=True), "not all of it is right"),
        ({"b.yaml": BROKEN}, PublishOptions(), "nothing of it is right"),
        ({"a.yaml": a_rule("a"), "b.yaml": BROKEN_POLICY}, PublishOptions(), "memory/b.yaml, which may say who is let"),
        ({"a.yaml": a_rule("a"), "b.yaml": "kind: [MeshConfig"}, PublishOptions(), "memory/b.yaml, which may say who"),
    ],
)
async def test_the_first_start_is_refused_where_the_rest_would_be_worse_than_nothing(
    files: dict[str, str], options: PublishOptions, reason: str
) -> None:
    async with publishing(MemorySource(files), options) as published:
        with pytest.raises(ConfigurationRefusedError, match=reason) as refusal:
            await published.report()
        assert {one.origin.file for one in refusal.value.report.diagnostics if one.is_error} == {"memory/b.yaml"}
        assert published.configs.value is None


async def test_the_first_start_is_refused_while_a_directory_cannot_be_seen(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "a.yaml").write_text(a_rule("a"))
    async with publishing(DirectorySource([str(tmp_path / "a"), str(tmp_path / "b")])) as published:
        with pytest.raises(ConfigurationRefusedError, match="nobody knows what"):
            await published.report()


async def test_accept_partial_starts_even_without_a_policy() -> None:
    source = MemorySource({"a.yaml": BROKEN_POLICY, "b.yaml": a_rule("b", "ratings")})
    async with publishing(source, PublishOptions(accept_partial=True)) as published:
        assert (await published.report()).has_errors
        assert published.hosts == ["ratings"]


async def test_a_restart_while_a_file_is_broken_serves_what_was_served(tmp_path: Path) -> None:
    options = PublishOptions(state=str(tmp_path))
    source = MemorySource({"a.yaml": a_rule("a"), "b.yaml": a_rule("b", "ratings")})
    async with publishing(source, options) as published:
        await published.report()
        source.update({"a.yaml": a_rule("a", "details")})
        version = (await published.report()).version
    source = MemorySource({"a.yaml": BROKEN, "b.yaml": a_rule("b", "ratings")})
    async with publishing(source, options) as published:
        report = await published.report()
        assert report.version == version
        assert report.has_errors
        assert published.hosts == ["details", "ratings"]


async def test_a_restart_with_an_empty_directory_serves_what_was_served(tmp_path: Path) -> None:
    options = PublishOptions(state=str(tmp_path))
    async with publishing(MemorySource({"a.yaml": a_rule("a")}), options) as published:
        await published.report()
    async with publishing(MemorySource(), options) as published:
        report = await published.report()
        assert [held.reason for held in report.held] == ["memory-empty"]
        assert published.hosts == ["reviews"]
    async with publishing(MemorySource(), PublishOptions(state=str(tmp_path), allow_empty=True)) as published:
        assert not (await published.report()).has_errors
        assert published.hosts == []


async def test_a_file_deleted_while_nothing_ran_is_gone_after_a_restart(tmp_path: Path) -> None:
    options = PublishOptions(state=str(tmp_path))
    async with publishing(MemorySource({"a.yaml": a_rule("a"), "b.yaml": a_rule("b", "x")}), options) as published:
        await published.report()
    async with publishing(MemorySource({"b.yaml": a_rule("b", "x")}), options) as published:
        assert (await published.report()).removed == ("memory/a.yaml",)
        assert published.hosts == ["x"]


async def test_the_state_holds_however_the_directory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "a.yaml").write_text(a_rule("a"))
    options = PublishOptions(state=str(tmp_path / "state"))
    async with publishing(DirectorySource([str(conf)]), options) as published:
        await published.report()
    (conf / "a.yaml").write_text(BROKEN)
    for working, root in ((tmp_path, "conf"), (tmp_path, "./conf/"), (conf, "."), (conf, "../conf")):
        monkeypatch.chdir(working)
        async with publishing(DirectorySource([root]), options) as published:
            report = await published.report()
            assert published.hosts == ["reviews"]
            assert report.diagnostics[0].origin.file.startswith(root.rstrip("/") + "/a.yaml")


async def test_a_state_that_version_0_1_wrote_is_in_force_again(tmp_path: Path) -> None:
    """Three files in /srv/pilothouse/config, of which one was edited and one deleted; none of it exists here."""
    shutil.copy(Path(__file__).with_name("version-1.journal"), tmp_path / "accepted.journal")
    source = DirectorySource(["/srv/pilothouse/config/"])
    async with publishing(source, PublishOptions(state=str(tmp_path))) as published:
        report = await published.report()
        assert [(held.unit, held.reason) for held in report.held] == [
            ("/srv/pilothouse/config/a.yaml", "directory-missing"),
            ("/srv/pilothouse/config/team/ü.yaml", "directory-missing"),
        ]
        assert published.hosts == ["details", "productpage"]


async def test_a_state_directory_in_use_is_an_error(tmp_path: Path) -> None:
    options = PublishOptions(state=str(tmp_path))
    async with publishing(MemorySource({"a.yaml": a_rule("a")}), options) as published:
        await published.report()
        async with publishing(MemorySource(), options) as second:
            with pytest.raises(StateInUseError):
                await second.report()


async def test_a_state_that_cannot_be_written_is_reported_and_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = MemorySource({"a.yaml": a_rule("a")})
    options = PublishOptions(state=str(tmp_path))
    async with publishing(source, options) as published:
        await published.report()

        def refuse(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refuse)
            source.update({"a.yaml": a_rule("a", "ratings")})
            report = await published.report()
        assert "state-not-written" in [one.code for one in report.diagnostics]
        assert published.hosts == ["ratings"]
        source.update({"b.yaml": "# nothing\n"})
        assert "state-not-written" not in [one.code for one in (await published.report()).diagnostics]
    async with publishing(MemorySource({"a.yaml": BROKEN}), options) as published:
        await published.report()
        assert published.hosts == ["ratings"]


async def test_a_damaged_state_is_reported(tmp_path: Path) -> None:
    options = PublishOptions(state=str(tmp_path))
    async with publishing(MemorySource({"a.yaml": a_rule("a")}), options) as published:
        await published.report()
    with (tmp_path / "accepted.journal").open("ab") as journal:
        journal.write(b"half a li")
    async with publishing(MemorySource({"a.yaml": BROKEN}), options) as published:
        report = await published.report()
        assert "state-damaged" in [one.code for one in report.diagnostics]
        assert published.hosts == ["reviews"]


CONTENTS = [a_rule("a"), a_rule("b", "ratings"), a_rule("c") + "---\n" + a_rule("d", "x"), "# empty\n"]


@settings(max_examples=10)
@given(st.permutations(CONTENTS))
def test_which_file_holds_what_changes_neither_version_nor_resources(contents: list[str]) -> None:
    async def load(ordered: list[str]) -> tuple[str, list[object]]:
        source = MemorySource({f"{number}.yaml": text for number, text in enumerate(ordered)})
        async with publishing(source) as published:
            await published.report()
            assert published.configs.value is not None
            return published.configs.value.version, [(one.key, one.spec) for one in published.configs.value]

    assert asyncio.run(load(contents)) == asyncio.run(load(CONTENTS))
