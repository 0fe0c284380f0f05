from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from pilot.inject.compose.extends import merged, resolve_extends
from pilot.inject.compose.inject import ComposePlace, inject_compose
from pilot.inject.options import InjectError, InjectOptions
from pilot.inject.yaml.editor import YamlEditor


def resolved(text: str, directory: Path = Path("/nowhere")) -> dict[str, Any]:
    editor = YamlEditor(dedent(text))
    resolve_extends(editor, lambda path: (directory / path).read_text())
    services: dict[str, Any] = yaml.safe_load(editor.text)["services"]
    return services


def test_what_comes_from_another_service_is_written_into_it() -> None:
    services = resolved("""\
        services:
          base:
            image: x
            ports: ["8080:80"]
            environment: {A: "1", B: "1"}
          web:
            extends: base
            environment: ["B=2", C]
            ports: ["9090:90"]
        """)
    assert services["web"] == {
        "environment": {"A": "1", "B": "2", "C": None},
        "ports": ["8080:80", "9090:90"],
        "image": "x",
    }


def test_ports_of_an_extended_service_move_to_the_pod() -> None:
    text = "services:\n  base: {image: x, expose: [80]}\n  web: {extends: {service: base}}\n"
    made = yaml.safe_load(inject_compose(text, InjectOptions()).text)["services"]
    assert made["web-pod"]["expose"] == made["base-pod"]["expose"] == [80]
    assert made["web"]["network_mode"] == "service:web-pod"
    assert "extends" not in made["web"]


def test_another_file_is_read_and_its_paths_are_its_own(tmp_path: Path) -> None:
    (tmp_path / "common" / "deep").mkdir(parents=True)
    (tmp_path / "common" / "base.yml").write_text(
        "services: {base: {extends: {file: deep/root.yml, service: root}, volumes: ['./data:/data']}}"
    )
    (tmp_path / "common" / "deep" / "root.yml").write_text("services: {root: {build: ., env_file: root.env}}")
    services = resolved("services: {web: {extends: {file: common/base.yml, service: base}, image: x}}", tmp_path)
    assert services["web"] == {
        "image": "x",
        "build": "./common/deep",
        "env_file": "./common/deep/root.env",
        "volumes": ["./common/data:/data"],
    }


@pytest.mark.parametrize(
    ("base", "own", "whole"),
    [
        ({"command": ["a", "b"]}, {"command": ["c"]}, {"command": ["c"]}),
        ({"dns": "10.0.0.1"}, {"dns": ["10.0.0.2"]}, {"dns": ["10.0.0.1", "10.0.0.2"]}),
        ({"cap_add": ["A", "B"]}, {"cap_add": ["B", "C"]}, {"cap_add": ["A", "B", "C"]}),
        ({"volumes": ["a:/x", "b:/y"]}, {"volumes": ["c:/x:ro"]}, {"volumes": ["b:/y", "c:/x:ro"]}),
        (
            {"volumes": ["a:/x"]},
            {"volumes": [{"type": "volume", "source": "b", "target": "/x"}]},
            {"volumes": [{"type": "volume", "source": "b", "target": "/x"}]},
        ),
        (
            {"depends_on": ["a"]},
            {"depends_on": {"b": {"condition": "service_healthy"}}},
            {"depends_on": {"a": {"condition": "service_started"}, "b": {"condition": "service_healthy"}}},
        ),
        (
            {"networks": ["a"]},
            {"networks": {"b": {"aliases": ["x"]}}},
            {"networks": {"a": None, "b": {"aliases": ["x"]}}},
        ),
        (
            {"healthcheck": {"test": ["CMD", "a"], "interval": "3s"}},
            {"healthcheck": {"test": ["CMD", "b"]}},
            {"healthcheck": {"test": ["CMD", "b"], "interval": "3s"}},
        ),
        (
            {"logging": {"driver": "syslog", "options": {"tag": "a"}}},
            {"logging": {"driver": "local", "options": {"max-size": "1m"}}},
            {"logging": {"driver": "local", "options": {"max-size": "1m"}}},
        ),
        (
            {"extra_hosts": ["a:10.0.0.1"]},
            {"extra_hosts": {"b": "::1"}},
            {"extra_hosts": {"a": "10.0.0.1", "b": "::1"}},
        ),
        ({"image": "x"}, {"image": None}, {"image": None}),
    ],
)
def test_the_rules_of_merging(base: dict[str, Any], own: dict[str, Any], whole: dict[str, Any]) -> None:
    assert merged(base, own) == whole


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("services:\n  a:\n    image: x\n    extends: b\n", 4, "extends names 'b', which is no service of this file"),
        ("services:\n  a: {extends: b}\n  b: {extends: a}\n", 2, "extends itself, by way of a and b"),
        ("services:\n  a: {extends: {file: no.yml, service: b}}\n", 2, "no.yml, which cannot be read: No such file"),
    ],
)
def test_what_cannot_be_had_is_told_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(InjectError, match=says) as caught:
        inject_compose(text, InjectOptions(), ComposePlace(read_file=lambda path: Path("/nowhere", path).read_text()))
    assert caught.value.line == line
