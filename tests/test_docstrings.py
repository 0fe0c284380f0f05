"""Whatever of the product others may use says what it is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("galley", "citadel", "pilot", "envoycodec")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public_definitions(body: list[ast.stmt], outer: str = "") -> Iterator[tuple[str, Definition]]:
    """Functions and classes, with the methods and properties of classes, of which no name begins with an underscore."""
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield f"{outer}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node.body, f"{outer}{node.name}.")


def without_docstring(source: str) -> list[str]:
    module = ast.parse(source)
    missing = [] if ast.get_docstring(module) else ["the module itself"]
    return missing + [f"{name} (line {node.lineno})" for name, node in public_definitions(module.body)
                      if not ast.get_docstring(node)]  # fmt: skip


@pytest.mark.parametrize("package", PACKAGES)
def test_everything_public_has_a_docstring(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    missing = {str(file.relative_to(ROOT)): without_docstring(file.read_text()) for file in files}
    assert {file: names for file, names in missing.items() if names} == {}


def test_what_is_missing_is_found() -> None:
    source = '''
class Described:
    """It is."""

    def method(self): ...
    @property
    async def read(self): ...
    def _own(self): ...
    def __eq__(self, other): ...

class _Own:
    def method(self): ...

def function():
    def inner(): ...
'''
    assert without_docstring(source) == [
        "the module itself", "Described.method (line 5)", "Described.read (line 7)", "function (line 14)",
    ]  # fmt: skip
