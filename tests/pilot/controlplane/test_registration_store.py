"""Registered workloads survive a restart, and a damaged file does not keep the control plane from starting."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["::1%lo", "0x7"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([field.name for field in fields(REVIEWS)]), JSON, max_size=3))
def test_an_odd_entry_is_passed_over_and_those_beside_it_are_read(
    tmp_path_factory: pytest.TempPathFactory, odd: dict[str, object]
) -> None:
    store = RegistrationStore(tmp_path_factory.mktemp("state"))
    store.write((REVIEWS, replace(REVIEWS, id="sidecar~10.0.0.8~b.default~default.svc.cluster.local")))
    file = store.path
    stored = json.loads(file.read_text())
    stored["workloads"][0].update(odd)
    file.write_text(json.dumps(stored))
    assert [one.id for one in store.read()][-1].startswith("sidecar~10.0.0.8~b.")
    for one in store.read():
        assert ip_address(one.address)
        assert all(0 < port < 65536 for port in one.ports.values())


@pytest.mark.parametrize("content", ["[" * 100_000, '{"version": 1, "workloads": [null, 7, [], "x", {}]}', "null"])
def test_a_file_of_any_shape_keeps_nobody_from_starting(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = RegistrationStore(tmp_path)
    store.path.write_text(content)
    assert store.read() == ()
    assert str(store.path) in caplog.text
