"""`pilot authz check`: what policies in files decide about a described request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pilot.__main__ import main

RULES: dict[str, Any] = {
    "deny": {"action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/admin", "/admin/*"]}}]}]},
    "allow": {"rules": [{"to": [{"operation": {"methods": ["GET"]}}]}]},
    "role": {"action": "DENY", "rules": [{"when": [{"key": "request.headers[x-role]", "values": ["admin"]}]}]},
}


def policy(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": name, "namespace": "default"},
        "spec": RULES[name],
    }


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "policies.yaml").write_text(yaml.safe_dump_all([policy("deny"), policy("allow")]))
    return tmp_path


def normalize(rules: Path, kind: str) -> None:
    mesh = {"apiVersion": "mesh.istio.io/v1alpha1", "kind": "MeshConfig", "pathNormalization": {"normalization": kind}}
    (rules / "mesh.yaml").write_text(yaml.safe_dump(mesh))


def check(rules: Path, *request: str) -> int:
    return main(["authz", "check", "--config", str(rules), *request])


@pytest.mark.parametrize("path", ["/admin", "/a/../admin", "/%61dmin?x", "/admin/x"])
def test_a_path_is_normalized_as_proxies_do(rules: Path, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(rules, "--path", path) == 1
    assert "denied: a DENY rule matches" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "path", "status"),
    [
        ("NONE", "/a/../admin", 0),
        ("BASE", "//admin", 0),
        ("MERGE_SLASHES", "//admin", 1),
        ("MERGE_SLASHES", "/%2fadmin", 0),
        ("DECODE_AND_MERGE_SLASHES", "/%2fadmin", 1),
    ],
)
def test_the_mesh_says_how(rules: Path, kind: str, path: str, status: int) -> None:
    normalize(rules, kind)
    assert check(rules, "--path", path) == status


def test_a_path_that_no_proxy_takes_is_refused_by_no_policy(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(rules, "--path", "/public#/../admin") == 1
    assert capsys.readouterr().out == "refused: proxies take no such path, whatever policies say\n"
    assert check(rules, "--path", "/public#/../admin", "-o", "json") == 1
    decided = json.loads(capsys.readouterr().out)
    assert (decided["verdict"], decided["rule"]) == ("refused", None)


def test_without_a_matching_allow_rule_all_of_them_are_named(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(rules, "--method", "POST") == 1
    assert "default/allow" in capsys.readouterr().out


def test_an_opaque_connection_has_no_path(rules: Path) -> None:
    assert check(rules, "--tcp", "--port", "5432") == 1, "ALLOW rules about HTTP never match it"


def test_a_request_that_is_allowed_and_a_workload_without_request(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(rules, "--path", "/public") == 0
    assert "allowed: an ALLOW rule matches" in capsys.readouterr().out
    assert check(rules) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("DENY    default/deny")


def test_each_value_of_a_repeated_header_counts(tmp_path: Path) -> None:
    (tmp_path / "role.yaml").write_text(yaml.safe_dump(policy("role")))
    assert check(tmp_path, "--header", "X-Role=admin", "--header", "x-role=user") == 1
    assert check(tmp_path, "--header", "x-role=user", "--header", "x-other=admin") == 0
