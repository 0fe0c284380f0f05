"""How `pilot proxy-status` shows proxies and rejections."""

from __future__ import annotations

from typing import Any

import pytest

from pilot.__main__ import main
from pilot.commands.proxy_status import render_table


def a_status(**types: str) -> dict[str, Any]:
    """A proxy as ``/debug/syncz`` describes it."""
    return {
        "id": "sidecar~10.0.0.7~reviews-1.default~default.svc.cluster.local",
        "name": "reviews-1",
        "namespace": "default",
        "envoyVersion": "1.40.0",
        "connectedSeconds": 75.0,
        "types": {name: {"status": status} for name, status in types.items()},
    }


def test_each_proxy_is_a_line_and_what_was_not_asked_for_is_not_sent() -> None:
    header, line = render_table([a_status(CDS="SYNCED", EDS="STALE", LDS="SYNCED")]).splitlines()
    assert header.split() == ["NAME", "CDS", "EDS", "LDS", "RDS", "ENVOY", "CONNECTED"]
    assert line.split() == ["reviews-1.default", "SYNCED", "STALE", "SYNCED", "NOT", "SENT", "1.40.0", "1m"]


def test_a_rejection_is_told_with_envoys_words_and_the_places() -> None:
    proxy = a_status(LDS="NACK")
    proxy["types"]["LDS"]["error"] = {
        "message": "no such filter",
        "resources": ["0.0.0.0_80"],
        "origins": ["rules/a.yaml:3:1 spec.servers[0]"],
    }
    text = render_table([proxy])
    assert "reviews-1.default rejected LDS 0.0.0.0_80:\n  no such filter\n  at rules/a.yaml:3:1 spec.servers[0]" in text


def test_whoever_has_no_identity_in_a_mesh_of_identities_is_named() -> None:
    proxies = [{**a_status(), "identity": identity} for identity in ("", None, "spiffe://a/ns/b/sa/c")]
    assert render_table(proxies).count("has no identity") == 1


def test_nobody_is_connected() -> None:
    assert render_table([]) == "No proxy is connected."


def test_no_answer_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy-status", "--admin-address", "127.0.0.1:1"]) == 2
    assert "is pilot serve running there?" in capsys.readouterr().err
