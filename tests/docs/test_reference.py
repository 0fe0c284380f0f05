"""The pages of the reference say what the code has, those written by hand and those made from it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from galley.kinds import KINDS
from pilot.__main__ import build_parser
from tests.packaging.test_release import load

ROOT = Path(__file__).resolve().parents[2]

write_reference = load("write_reference")


def test_every_command_and_flag_is_there() -> None:
    page = write_reference.commands()
    for command in ("galley validate", "pilot serve", "pilot agent sidecar", "citadel token create"):
        assert re.search(rf"^#+ {command}$", page, re.MULTILINE), command
    for flag in re.findall(r"--[a-z-]+", build_parser(["serve"]).format_help()):
        assert flag in page


def test_every_kind_is_there_with_its_fields() -> None:
    page = write_reference.fields()
    for _, kind in KINDS:
        assert f"\n## {kind}\n" in page
    assert "| `httpsRedirect` | true or false |" in page
    assert re.search(r"\| `tunnel` \| .* \| not supported: ", page)


def test_diagnostics_have_their_texts() -> None:
    page = write_reference.diagnostics()
    assert re.search(r"\| `duplicate-host` \| ", page)
    assert page.count("\n| `") > 50


def test_metrics_have_names_as_they_are_scraped() -> None:
    page = write_reference.metrics()
    assert "| `pilot_xds_connected` | gauge | Streams that are open. |" in page
    assert "| `pilot_config_changes_total` | counter |" in page


@pytest.mark.parametrize("page", ["reference/admin.md"])
def test_every_page_of_the_admin_port_is_told_of(page: str) -> None:
    tree = ast.parse((ROOT / "pilot" / "admin" / "pages.py").read_text())
    paths = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"/[a-z/_]+", node.value)
    }
    assert len(paths) > 5
    text = (ROOT / "docs" / page).read_text()
    assert not [path for path in sorted(paths) if path not in text]
