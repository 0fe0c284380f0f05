"""Registered workloads survive a restart, and a damaged file does not keep the control plane from starting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from galley.frozen import FrozenMap
from pilot.controlplane.registration_store import RegistrationStore
from pilot.node.locality import Locality
from pilot.registry.workloads import RegisteredWorkload
from tests.crash import kill_at_each_step

REVIEWS = RegisteredWorkload(
    id="sidecar~10.0.0.7~reviews-1.default~default.svc.cluster.local",
    namespace="default",
    address="10.0.0.7",
    ports=FrozenMap({"http": 9080}),
    labels=FrozenMap({"app": "reviews", "version": "v1"}),
    locality=Locality("eu", "eu-1", "a"),
    service_account="reviews",
    group="reviews",
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    RegistrationStore(tmp_path / "state").write((REVIEWS,))
    assert RegistrationStore(tmp_path / "state").read() == (REVIEWS,)


def test_ports_without_proxy_are_remembered(tmp_path: Path) -> None:
    workloads = tuple(
        replace(REVIEWS, id=str(place), proxied_ports=ports) for place, ports in enumerate([None, (), (9080, 9090)])
    )
    RegistrationStore(tmp_path).write(workloads)
    assert RegistrationStore(tmp_path).read() == workloads


def test_whoever_has_proven_nothing_is_remembered_as_such(tmp_path: Path) -> None:
    store, stranger = RegistrationStore(tmp_path), replace(REVIEWS, identified=False, service_account="")
    store.write((stranger,))
    assert store.read() == (stranger,)
    path = tmp_path / "registrations.json"
    path.write_text(path.read_text().replace('"identified"', '"of-a-later-version"'))
    assert store.read() == (stranger,), "a file of an earlier version does not say"


def test_the_newest_write_wins_and_leaves_no_litter(tmp_path: Path) -> None:
    store = RegistrationStore(tmp_path)
    store.write((REVIEWS,))
    store.write(())
    assert store.read() == ()
    assert [path.name for path in tmp_path.iterdir()] == ["registrations.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 1}', '{"version": 2, "workloads": []}'])
def test_a_file_that_cannot_be_understood_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "registrations.json").write_text(content)
    assert RegistrationStore(tmp_path).read() == ()


def test_killed_at_any_moment_of_a_write_it_has_happened_or_not(tmp_path: Path) -> None:
    store, old, new = RegistrationStore(tmp_path), (REVIEWS,), (replace(REVIEWS, address="10.0.0.8"),)
    seen = set()

    def check(is_finished: bool) -> None:
        found = RegistrationStore(tmp_path).read()
        assert found in ((new,) if is_finished else (old, new))
        seen.add(found)

    assert kill_at_each_step(lambda: store.write(old), lambda: store.write(new), check) >= 4
    assert seen == {old, new}


def test_killed_at_any_moment_of_the_first_write_there_is_nothing_or_all(tmp_path: Path) -> None:
    attempt = 0

    def directory() -> Path:
        return tmp_path / str(attempt)

    def prepare() -> None:
        nonlocal attempt
        attempt += 1

    def check(is_finished: bool) -> None:
        assert RegistrationStore(directory()).read() in (((REVIEWS,),) if is_finished else ((), (REVIEWS,)))

    assert kill_at_each_step(prepare, lambda: RegistrationStore(directory()).write((REVIEWS,)), check) >= 5
