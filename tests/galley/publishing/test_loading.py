"""Loading one file: the same objects for the same text, and no exception for any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.publishing import loading
from galley.publishing.acceptance import FAULT_SECONDS, Accepted, judge
from galley.publishing.loading import LoadOptions, load_unit
from galley.sources import SourceState, Unit

RULE = b"""apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec:
  host: reviews
"""
POLICY = b"""apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict}
spec: {mtls: {mode: STRICT}}
"""


def test_a_file_gives_its_resources() -> None:
    loaded = load_unit(Unit.of("a.yaml", RULE))
    assert loaded.is_acceptable
    assert [str(resource.key) for resource in loaded.resources] == ["DestinationRule default/a"]


def test_unchanged_resources_are_taken_over_and_moved_ones_are_not() -> None:
    before = load_unit(Unit.of("a.yaml", RULE))
    appended = load_unit(Unit.of("a.yaml", RULE + b"# comment\n"), previous=before)
    assert appended.resources[0] is before.resources[0]
    moved = load_unit(Unit.of("a.yaml", b"# comment\n" + RULE), previous=before)
    assert moved.resources[0] is not before.resources[0]
    assert moved.resources[0].origin.line == 2


def test_a_policy_that_is_not_enforced_is_acceptable_only_on_demand() -> None:
    assert not load_unit(Unit.of("a.yaml", POLICY)).is_acceptable
    loaded = load_unit(Unit.of("a.yaml", POLICY), LoadOptions(accept_unenforced=True))
    assert loaded.is_acceptable
    assert loaded.diagnostics


@given(st.binary(max_size=200))
def test_any_bytes_are_loaded_without_an_exception(content: bytes) -> None:
    load_unit(Unit.of("a.yaml", content))


def test_a_fault_of_ours_is_an_error_of_the_file_and_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(loading, "decode_file", fails)
    loaded = load_unit(Unit.of("a.yaml", b"kind: Service\n"))
    assert not loaded.is_acceptable
    assert not loaded.is_judged
    (fault,) = loaded.diagnostics
    assert (fault.code, fault.origin.file) == (loading.FAULT, "a.yaml")
    state = SourceState({"a.yaml": loaded.unit})
    judgement = judge(state, Accepted(), lambda unit, _: load_unit(unit), now=1.0)
    assert not judgement.accepted.refused, "it is judged again"
    assert judgement.settles_at == 1.0 + FAULT_SECONDS


def test_a_file_that_takes_too_long_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*_: object, **__: object) -> None:
        while True:
            pass

    monkeypatch.setattr(loading, "decode_file", endless)
    monkeypatch.setattr(loading, "CPU_SECONDS", 0.05)
    loaded = load_unit(Unit.of("a.yaml", b"#" * 20_000))
    assert [one.code for one in loaded.diagnostics] == ["too-slow"]
    assert loaded.is_judged
