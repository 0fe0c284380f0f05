"""`pilot authz check` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pilot.__main__ import main

POLICIES = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: default}
spec:
  selector: {matchLabels: {app: reviews}}
  rules:
  - from: [{source: {principals: [cluster.local/ns/default/sa/web]}}]
    to: [{operation: {methods: [GET]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-admin, namespace: istio-system}
spec:
  action: DENY
  rules: [{to: [{operation: {paths: [/admin*]}}]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: tried, namespace: default, annotations: {istio.io/dry-run: "true"}}
spec:
  action: DENY
  rules: [{to: [{operation: {methods: [GET]}}]}]
"""
WEB = ("--from", "cluster.local/ns/default/sa/web")


@pytest.fixture
def rules(tmp_path: Path) -> str:
    (tmp_path / "policies.yaml").write_text(POLICIES)
    return str(tmp_path)


def check(rules: str, *arguments: str) -> int:
    return main(["authz", "check", "--config", rules, "--labels", "app=reviews", *arguments])


def test_without_a_request_the_policies_are_listed_in_the_order_in_which_they_count(
    rules: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(rules) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["DENY", "istio-system/no-admin"],
        ["DENY", "default/tried"],
        ["ALLOW", "default/readers"],
    ]
    assert "(dry run)" in lines[1]
    assert "policies.yaml:1:1" in lines[2]


@pytest.mark.parametrize(
    ("request_flags", "status", "told"),
    [
        (WEB, 0, "allowed: an ALLOW rule matches"),
        ((*WEB, "--path", "/admin/x"), 1, "denied: a DENY rule matches"),
        ((*WEB, "--method", "POST"), 1, "denied: there are ALLOW policies"),
        (("--from", "cluster.local/ns/default/sa/other"), 1, "denied: there are ALLOW policies"),
        (("--tcp", "--port", "9080"), 1, "denied: a DENY rule matches"),
    ],
)
def test_a_decision_is_told_by_the_exit_status_too(
    rules: str, request_flags: tuple[str, ...], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(rules, *request_flags) == status
    assert told in capsys.readouterr().out


def test_the_rule_behind_a_decision_is_told_with_its_line(rules: str, capsys: pytest.CaptureFixture[str]) -> None:
    check(rules, *WEB, "--path", "/admin", "-o", "json")
    decided = json.loads(capsys.readouterr().out)
    assert decided["verdict"] == "denied"
    assert decided["rule"]["name"] == "ns[istio-system]-policy[no-admin]-rule[0]"
    assert decided["rule"]["field"] == "spec.rules[0]"
    assert ":15:" in decided["rule"]["origin"]
    assert [one["name"] for one in decided["dryRun"]] == ["ns[default]-policy[tried]-rule[0]"]


def test_policies_as_json(rules: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(rules, "-o", "json") == 0
    policies = json.loads(capsys.readouterr().out)["policies"]
    assert [(one["action"], one["dryRun"]) for one in policies] == [("DENY", False), ("DENY", True), ("ALLOW", False)]


def test_a_workload_without_policies(rules: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "policies.yaml").write_text(POLICIES.split("---\n", maxsplit=1)[0])
    assert main(["authz", "check", "--config", rules, "--labels", "app=other"]) == 0
    assert "every request is allowed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        ("--jwt", "{"),
        ("--jwt", "[]"),
        ("--header", "no-value"),
        ("--from", "spiffe://"),
        ("--from", "a b/ns/x/sa/y"),
        ("--peer-ip", "10.0.0.x"),
        ("--client-ip", "nowhere"),
        ("--destination-ip", "10.0.0.0/8"),
        ("--labels", "app"),
    ],
)
def test_wrong_usage(rules: str, wrong: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert check(rules, *wrong) == 2
    assert "pilot authz check: " in capsys.readouterr().err


def test_files_that_are_not_there_or_have_errors(
    rules: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert check(rules + "/absent") == 2
    assert "no such file or directory" in capsys.readouterr().err
    (tmp_path / "broken.yaml").write_text(POLICIES.replace("DENY", "FORBID"))
    assert check(rules) == 2
    assert "broken.yaml" in capsys.readouterr().err
