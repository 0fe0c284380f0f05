"""What the user edited stays: rules are laid out once, moved aside only when asked, and changed little."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from samples.bookinfo.demo.rules import Entrance, lay_out_rules, read_entrance, set_aside, write_entrance

NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


def test_rules_are_laid_out_once(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    assert lay_out_rules(rules)
    (rules / "services.yaml").write_text("mine")
    (rules / "gateway.yaml").unlink()
    assert not lay_out_rules(rules)
    assert (rules / "services.yaml").read_text() == "mine"
    assert not (rules / "gateway.yaml").exists()


def test_rules_moved_aside_keep_their_content_and_never_replace_others(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    assert set_aside(rules, NOON) is None
    for number in range(3):
        rules.mkdir()
        (rules / "mine.yaml").write_text(str(number))
        aside = set_aside(rules, NOON)
        assert aside is not None
        assert not rules.exists()
        assert (aside / "mine.yaml").read_text() == str(number)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == [f"rules.2026-01-02T12-00-00{suffix}" for suffix in ("", ".2", ".3")]


@pytest.mark.parametrize("entrance", [Entrance("127.0.0.1", 8080), Entrance("0.0.0.0", 8081), Entrance("::1", 9000)])
def test_the_entrance_that_is_written_is_read_again(entrance: Entrance, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    lay_out_rules(rules)
    assert read_entrance(rules) == Entrance("0.0.0.0", 8080)
    assert write_entrance(rules, entrance)
    assert read_entrance(rules) == entrance
    assert not write_entrance(rules, entrance)
    gateway, service = yaml.safe_load_all((rules / "gateway.yaml").read_text())
    (server,) = gateway["spec"]["servers"]
    assert (server.get("bind", "0.0.0.0"), server["port"]["number"], server["hosts"]) == (
        entrance.address,
        entrance.port,
        ["*"],
    )
    assert service["spec"]["http"][0]["route"][0]["destination"]["port"]["number"] == 9080


def test_all_else_in_the_users_file_stays_as_it_is(tmp_path: Path) -> None:
    text = "# mine\nservers:\n- hosts: [a.example]   # here\n  bind: '10.0.0.1'\n  port:\n    number: 80\n"
    (tmp_path / "gateway.yaml").write_text(text)
    assert write_entrance(tmp_path, Entrance("127.0.0.1", 8080))
    expected = text.replace("'10.0.0.1'", '"127.0.0.1"').replace("80\n", "8080\n")
    assert (tmp_path / "gateway.yaml").read_text() == expected


@pytest.mark.parametrize("text", [None, "", "kind: Gateway\n", "oops: ["])
def test_a_file_without_an_entrance_is_left_alone(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "gateway.yaml").write_text(text)
    assert read_entrance(tmp_path) is None
    assert not write_entrance(tmp_path, Entrance("127.0.0.1", 8080))
    assert text is None or (tmp_path / "gateway.yaml").read_text() == text
