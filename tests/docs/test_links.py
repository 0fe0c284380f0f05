"""Every relative link of a page leads to a file, every heading that it names is there, and so is every page that code
names."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOP = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "samples/bookinfo/README.md")
PAGES = [*(ROOT / name for name in TOP), *sorted((ROOT / "docs").rglob("*.md"))]

_FENCED = re.compile(r"^[ ]*```.*?^[ ]*```[ ]*$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"\bdocs/[\w/-]+\.md\b")
_LINK = re.compile(r"\]\((?!https?:|mailto:)(?P<target>[^)#\s]*)(?:#(?P<heading>[^)\s]+))?\)")


def headings(page: Path) -> set[str]:
    text = _FENCED.sub("", page.read_text())
    found = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.finditer(_FENCED.sub("", page.read_text())):
        target = page.parent / link["target"] if link["target"] else page
        assert target.exists(), f"{link[0]} leads nowhere"
        if link["heading"] and target.suffix == ".md":
            assert link["heading"] in headings(target), f"{link[0]}: no such heading"


def test_pages_that_code_names_exist() -> None:
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    named = {
        (file, page)
        for file in files.split("\0")
        if file and not file.endswith((".md", ".lock")) and (ROOT / file).is_file()
        for page in _NAMED.findall((ROOT / file).read_text(errors="replace"))
    }
    assert named, "some do"
    assert {(file, page) for file, page in named if not (ROOT / page).exists()} == set()
