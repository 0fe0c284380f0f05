"""Whole files: what is injected, and what comes out. ``pytest --update-golden`` writes the latter."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilot.inject.compose.inject import inject_compose
from pilot.inject.kubernetes.manifests import inject_kubernetes
from pilot.inject.options import InjectOptions

GOLDEN = Path(__file__).parent / "golden"
COMPOSE = Path(__file__).parents[2] / "e2e" / "docker" / "injected"


@pytest.mark.parametrize("source", sorted(COMPOSE.glob("*.yml")), ids=lambda path: path.stem)
def test_a_compose_file(source: Path, update_golden: bool) -> None:
    _compare(inject_compose(source.read_text(), InjectOptions()).text, GOLDEN / f"{source.stem}.yml", update_golden)


def test_manifests(update_golden: bool) -> None:
    text = (GOLDEN / "manifests.in.yaml").read_text()
    _compare(inject_kubernetes(text, InjectOptions()).text, GOLDEN / "manifests.yaml", update_golden)


def _compare(made: str, golden: Path, update: bool) -> None:
    if update:
        golden.write_text(made)
    assert golden.read_text() == made
