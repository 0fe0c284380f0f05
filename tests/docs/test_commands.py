"""Every command block of the README and of the documentation does what its page says, typed into a fresh clone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.blocks import read_blocks
from tests.docs.shell import ROOT, Shell, copy_project, has_private_network

PAGES = {str(page.relative_to(ROOT)): page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))}
WITH_COMMANDS = [name for name, page in PAGES.items() if any(not one.skipped for one in read_blocks(page.read_text()))]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    copy_project(tmp_path)
    with Shell(tmp_path) as started:
        yield started


@pytest.mark.e2e
@pytest.mark.skipif(not has_private_network(), reason="needs a network namespace of its own")
@pytest.mark.parametrize("name", WITH_COMMANDS)
def test_the_commands_of_a_page_do_what_it_says(name: str, shell: Shell) -> None:
    for block in read_blocks(PAGES[name].read_text()):
        if not block.skipped:
            shell.run(block)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_says_of_each_command_block_whether_it_is_run(name: str) -> None:
    page = PAGES[name].read_text()
    read_blocks(page)
    for shunned in ("```bash", "```shell", "```console"):
        assert shunned not in page, f"{shunned}: commands stand in blocks of the language sh"
