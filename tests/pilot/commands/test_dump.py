"""`pilot dump`: what one proxy would be served, without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from pilot.__main__ import main

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
"""
NODE: dict[str, Any] = {
    "id": "sidecar~10.0.0.7~reviews-1.default~default.svc.cluster.local",
    "metadata": {"NAMESPACE": "default", "LABELS": {"app": "reviews"}, "SELF_REGISTER": "true"},
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with a service and a node."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "reviews.yaml").write_text(SERVICE)
    (tmp_path / "node.yaml").write_text(yaml.safe_dump(NODE))
    return tmp_path


def dump(home: Path, *more: str, node: str = "node.yaml") -> int:
    return main(["dump", "--config", str(home / "rules"), "--node", str(home / node), *more])


def test_it_prints_one_object_with_all_lists(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dump(home) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["clusters", "endpoints", "listeners", "routes", "secrets"]
    (assignment,) = printed["endpoints"]
    address = assignment["endpoints"][0]["lbEndpoints"][0]["endpoint"]["address"]["socketAddress"]
    assert address == {"address": "10.0.0.7", "portValue": 9080}, "a node that registers itself counts as connected"
    assert "inbound|9080||" in {cluster["name"] for cluster in printed["clusters"]}


def test_types_and_yaml(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dump(home, "--type", "routes", "-o", "yaml") == 0
    assert list(yaml.safe_load(capsys.readouterr().out)) == ["routes"]


def test_the_plan_behind_the_resources(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dump(home, "--type", "endpoints", "--type", "secrets", "-o", "plan") == 0
    assert capsys.readouterr().out.startswith(
        "endpoints:\n"
        "- !LoadAssignmentPlan\n"
        "  cluster_name: outbound|9080||reviews.default.svc.cluster.local\n"
        "  localities:\n"
    )


@pytest.mark.parametrize("form", ["bootstrap", "json", "camel-case"])
def test_forms_of_a_node(home: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    nodes: dict[str, Any] = {
        "bootstrap": {"node": NODE, "admin": {}},
        "json": NODE,
        "camel-case": {**NODE, "locality": {"region": "eu", "subZone": "a"}},
    }
    (home / "node.json").write_text(json.dumps(nodes[form]))
    assert dump(home, node="node.json") == 0
    assert json.loads(capsys.readouterr().out)["endpoints"]


@pytest.mark.parametrize(
    ("node", "words"),
    [("{}", "no id"), ("id: x", "pilot bootstrap"), ("[", "flow"), ("id: sidecar~nonsense~a.b~c", "not an IP address")],
)
def test_what_is_no_node_is_wrong_usage(home: Path, capsys: pytest.CaptureFixture[str], node: str, words: str) -> None:
    (home / "node.yaml").write_text(node)
    assert dump(home) == 2
    assert words in capsys.readouterr().err


def test_errors_are_reported_with_their_line_and_nothing_is_printed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "rules" / "broken.yaml").write_text(SERVICE.replace("selector", "selektor").replace("reviews", "x"))
    assert dump(home) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "broken.yaml:4:" in captured.err
    assert "selector" in captured.err


def test_missing_files_are_wrong_usage(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dump", "--config", str(home / "nowhere"), "--node", str(home / "node.yaml")]) == 2
    assert dump(home, node="nowhere.yaml") == 2
    assert "no such file" in capsys.readouterr().err.lower()
