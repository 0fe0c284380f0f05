"""How `pilot authz denials` tells what was refused."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from pilot.__main__ import main
from pilot.commands import authz_denials
from pilot.commands.authz_denials import follow, render_denial


def a_denial(**more: Any) -> dict[str, Any]:
    """A denial as ``/debug/denialz`` describes it."""
    return {
        "time": 0.25,
        "proxy": "sidecar~10.0.0.1~shop.default~default.svc.cluster.local",
        "method": "GET",
        "authority": "shop",
        "path": "/admin",
        "code": 403,
        "principal": "spiffe://cluster.local/ns/default/sa/web",
        "client": "10.0.0.7",
        "decidedBy": "rule",
        "policy": "default/admins",
        "rule": 1,
        "why": "",
        "origins": ["rules/a.yaml:7:3 spec.rules[1]"],
        **more,
    }


def test_a_request() -> None:
    assert render_denial(a_denial()).splitlines() == [
        "1970-01-01T00:00:00.250Z shop.default refused GET shop/admin (403) to "
        "spiffe://cluster.local/ns/default/sa/web at 10.0.0.7: policy default/admins denies it, rule 1",
        "    rules/a.yaml:7:3 spec.rules[1]",
    ]


def test_a_connection_of_somebody_unknown() -> None:
    opaque = a_denial(code=0, method="", authority="", path="", principal="", decidedBy="no rule", origins=[])
    assert render_denial(opaque).endswith(
        "refused a connection to a client without identity at 10.0.0.7: no ALLOW policy has a rule that matches"
    )


def test_following_asks_for_what_is_new_and_starts_anew_with_the_control_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authz_denials, "_PAUSE_SECONDS", 0)
    one, other = a_denial(path="/1"), a_denial(path="/2")
    answers = iter([{"newest": 7, "denials": [one]}, {"newest": 2, "denials": []}, {"newest": 2, "denials": [other]}])
    asked: list[int] = []

    def ask(since: int) -> dict[str, Any]:
        asked.append(since)
        return next(answers)

    assert [question() for question in islice(follow(ask), 2)] == [[one], [other]]
    assert asked == [0, 7, 0]


def test_no_answer_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["authz", "denials", "--admin-address", "127.0.0.1:1"]) == 2
    assert "is pilot serve running there?" in capsys.readouterr().err
