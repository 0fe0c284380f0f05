"""How `pilot authz policies` shows what is in force."""

from __future__ import annotations

from typing import Any

import pytest

from pilot.__main__ import main
from pilot.commands.authz_policies import render_policies


def a_policy(*listeners: str, **traits: Any) -> dict[str, Any]:
    """A policy as ``/debug/authzz`` describes it, at proxies with listeners in these states."""
    return {
        "kind": "AuthorizationPolicy",
        "namespace": "default",
        "name": "reviews",
        "action": "DENY",
        "dryRun": False,
        "rules": 1,
        "origin": "rules/a.yaml:1:1",
        "proxies": [{"id": f"p{number}", "listeners": state} for number, state in enumerate(listeners)],
        **traits,
    }


def test_each_policy_is_a_line_with_its_place() -> None:
    header, line = render_policies([a_policy("SYNCED", "SYNCED")]).splitlines()
    assert header.split() == ["KIND", "POLICY", "ACTION", "PROXIES", "WHERE"]
    assert line.split() == ["AuthorizationPolicy", "default/reviews", "DENY", "2", "rules/a.yaml:1:1"]


def test_proxies_that_have_not_taken_it_up_are_told() -> None:
    assert "1 of 3" in render_policies([a_policy("SYNCED", "STALE", "NACK")])


def test_what_is_tried_out_is_told() -> None:
    assert "DENY (dry run)" in render_policies([a_policy(dryRun=True)])


def test_no_policies() -> None:
    assert "every request is allowed" in render_policies([])


def test_no_answer_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["authz", "policies", "--admin-address", "127.0.0.1:1"]) == 2
    assert "is pilot serve running there?" in capsys.readouterr().err
