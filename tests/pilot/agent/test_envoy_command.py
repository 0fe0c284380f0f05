"""What is merged over a bootstrap: a mapping as it was written, or a sentence that says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilot.agent.envoy_command import read_override
from pilot.dataplane.errors import EnvoyError


@pytest.mark.parametrize(
    "text", ["stats_flush_interval: 7s\n", '{"stats_flush_interval": "7s"}', "# nothing\na: {b: 1}"]
)
def test_it_is_handed_on_as_written(text: str, tmp_path: Path) -> None:
    (tmp_path / "o.yaml").write_text(text)
    assert read_override(tmp_path / "o.yaml") == text


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_an_empty_file_overrides_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "o.yaml").write_text(text)
    assert read_override(tmp_path / "o.yaml") == ""


def test_without_a_file_there_is_nothing() -> None:
    assert read_override(None) == ""


@pytest.mark.parametrize(
    ("text", "complaint"), [("- a\n", "mapping"), ("a: [", "cannot read"), ("\x00", "cannot read")]
)
def test_what_is_of_no_use_is_said(text: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "o.yaml").write_text(text)
    with pytest.raises(EnvoyError, match=complaint):
        read_override(tmp_path / "o.yaml")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(EnvoyError, match="No such file"):
        read_override(tmp_path / "none")
