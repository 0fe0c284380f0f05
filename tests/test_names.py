"""One word for one thing: no two public classes of the product have the same name."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("galley", "citadel", "pilot", "envoycodec")


def public_classes() -> dict[str, list[str]]:
    """The modules that define each class which does not begin with an underscore."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.parse(file.read_bytes()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(str(file.relative_to(ROOT)))
    return found


def test_no_two_public_classes_have_one_name() -> None:
    assert {name: files for name, files in public_classes().items() if len(files) > 1} == {}


def test_all_packages_are_looked_at() -> None:
    found = {files[0].partition("/")[0] for files in public_classes().values()}
    assert found == set(PACKAGES)
