"""How `pilot authz denials` tells what was refused."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from pilot.__main__ import main
from pilot.commands import authz_denials
from pilot.commands.authz_denials import read_denials, render_denial


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


def test_all_pages_are_read() -> None:
    remembered = [a_denial(number=number) for number in range(5, 12)]

    def ask(since: int) -> dict[str, Any]:
        return {"count": 11, "denials": [one for one in remembered if one["number"] > since][:3]}

    assert list(read_denials(ask, follow=False)) == remembered


def test_what_threads_report_one_after_the_other_is_in_the_order_of_time() -> None:
    late, early = a_denial(number=1, time=2.5), a_denial(number=2, time=1.5)
    pages = {0: [late], 1: [early]}
    assert list(read_denials(lambda since: {"count": 2, "denials": pages[since]}, follow=False)) == [early, late]


def test_following_asks_for_what_is_new_and_starts_anew_with_the_control_plane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authz_denials, "_PAUSE_SECONDS", 0)
    one, other = a_denial(number=7), a_denial(number=2)
    answers = iter([(7, [one]), (7, []), (2, []), (2, [other])])
    asked: list[int] = []

    def ask(since: int) -> dict[str, Any]:
        asked.append(since)
        count, denials = next(answers)
        return {"count": count, "denials": denials}

    assert list(islice(read_denials(ask, follow=True), 2)) == [one, other]
    assert asked == [0, 7, 7, 0]


def test_no_answer_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["authz", "denials", "--admin-address", "127.0.0.1:1"]) == 2
    assert "is pilot serve running there?" in capsys.readouterr().err
