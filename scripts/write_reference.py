"""Copies ``docs/`` to a directory, and writes there the pages of the reference that come from the code itself.

    python scripts/write_reference.py TO

Written are ``reference/commands.md``, ``fields.md``, ``diagnostics.md`` and ``metrics.md``.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import re
import shutil
import sys
import types
import typing
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import citadel.__main__ as citadel_command  # noqa: E402
import galley.__main__ as galley_command  # noqa: E402
from galley.kinds import KINDS  # noqa: E402
from pilot.__main__ import build_parser  # noqa: E402

_CODE = re.compile(r"[a-z]+(-[a-z0-9]+)+")
_COMMENT = "*Written from the code by `scripts/write_reference.py`.*"


def commands() -> str:
    """Every command with its flags, as `--help` says it."""
    parsers = [galley_command._parser(), build_parser([]), citadel_command._parser()]
    parts = ["# Commands", _COMMENT]
    for parser in parsers:
        parts += _command(parser, 2)
    return "\n\n".join(parts) + "\n"


def _command(parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    subparsers = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if level == 2 or not subparsers:
        yield f"{'#' * level} {parser.prog}"
        yield f"```text\n{_help(parser)}\n```"
    for action in subparsers:
        # An alias is the same parser under another name.
        for child in dict.fromkeys(action.choices.values()):
            yield from _command(child, level + 1 if level < 4 else level)


def _help(parser: argparse.ArgumentParser) -> str:
    class Wide(argparse.RawDescriptionHelpFormatter):
        def __init__(self, prog: str) -> None:
            super().__init__(prog, width=100, max_help_position=32)

    parser.formatter_class = Wide
    return parser.format_help().strip()


def fields() -> str:
    """Every kind with its fields: type, and what is said of those that have no effect."""
    parts = ["# Kinds and fields", _COMMENT]
    for (group, kind), spec in KINDS.items():
        parts.append(f"## {kind}")
        parts.append(f"`{group or 'core'}`, " + ", ".join(f"`{version}`" for version in spec.api_versions))
        if spec.type is None:
            parts.append(f"Not supported: {spec.unsupported}.")
            continue
        seen: set[type] = set()
        parts += _tables(spec.type, seen, kind)
    return "\n\n".join(parts) + "\n"


def _tables(of: type, seen: set[type], title: str) -> Iterator[str]:
    """The table of one dataclass, then those of the dataclasses that its fields hold."""
    seen.add(of)
    hints, rows, inner = typing.get_type_hints(of), [], []
    for one in dataclasses.fields(of):
        hint = hints[one.name]
        rows.append(f"| `{one.metadata.get('name') or _camel(one.name)}` | {_type(hint)} | {_remark(one)} |")
        inner += [part for part in _dataclasses(hint) if part not in seen]
    described = (of.__doc__ or "").strip().splitlines()
    if title != of.__name__:
        yield f"### {title}"
    if described:
        yield described[0]
    yield "\n".join(["| Field | Type | |", "|---|---|---|", *rows])
    for part in dict.fromkeys(inner):
        if part not in seen:
            yield from _tables(part, seen, f"{title.split('.', maxsplit=1)[0]}.{part.__name__}")


def _remark(one: dataclasses.Field[object]) -> str:
    for key, reason in one.metadata.items():
        text = str(reason) if isinstance(reason, str) and reason else "it has no effect"
        if key == "unsupported":
            return f"not supported: {text}"
        if key == "unenforced":
            return f"refused: {text}"
    return ""


def _dataclasses(hint: object) -> Iterator[type]:
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        yield hint
    for argument in typing.get_args(hint):
        yield from _dataclasses(argument)


def _type(hint: object) -> str:
    arguments = [one for one in typing.get_args(hint) if one is not type(None)]
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(one) for one in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if arguments and origin is not None:
        return f"map of {_type(arguments[-1])}" if len(arguments) == 2 else _type(arguments[0])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ", ".join(f"`{member.value}`" for member in hint)
    names = {"str": "text", "int": "number", "float": "number", "bool": "true or false", "timedelta": "duration"}
    name = getattr(hint, "__name__", str(hint))
    return names.get(name, name)


def _camel(name: str) -> str:
    head, *rest = name.rstrip("_").split("_")
    return head + "".join(part.capitalize() for part in rest)


def diagnostics() -> str:
    """The codes of diagnostics, each with the texts that the code gives them."""
    texts: dict[str, list[str]] = {}
    for file in sorted((ROOT / "galley").rglob("*.py")):
        for code, text in _codes(ast.parse(file.read_text())):
            texts.setdefault(code, [])
            if text and text not in texts[code]:
                texts[code].append(text)
    rows = [f"| `{code}` | {'; '.join(said[:3])} |" for code, said in sorted(texts.items())]
    intro = "`galley validate -o json` and `/debug/reportz` name them; `{…}` stands for what was found."
    return (
        "\n\n".join(["# Diagnostics", _COMMENT, intro, "\n".join(["| Code | For example |", "|---|---|", *rows])])
        + "\n"
    )


def _codes(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Codes among the arguments of calls, each with the text that follows it."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        for number, argument in enumerate(call.args):
            if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                continue
            if _CODE.fullmatch(argument.value) and number + 1 < len(call.args):
                yield argument.value, _text(call.args[number + 1])


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("|", "\\|")
    if isinstance(node, ast.JoinedStr):
        parts = (str(part.value) if isinstance(part, ast.Constant) else "{…}" for part in node.values)
        return "".join(parts).replace("|", "\\|")
    return ""


def metrics() -> str:
    """The metrics of the control plane."""
    found = []
    for call in ast.walk(ast.parse((ROOT / "pilot" / "admin" / "metrics.py").read_text())):
        if isinstance(call, ast.Call) and len(call.args) >= 2:
            name, text = call.args[:2]
            if isinstance(name, ast.Constant) and str(name.value).startswith("pilot_"):
                is_counter = "counter" in ast.unparse(call.func).lower()
                shown = f"{name.value}{'_total' if is_counter else ''}"
                found.append((shown, "counter" if is_counter else "gauge", _text(text)))
    rows = [f"| `{name}` | {kind} | {text} |" for name, kind, text in sorted(found)]
    return "\n\n".join(["# Metrics", _COMMENT, "\n".join(["| Name | Kind | |", "|---|---|---|", *rows])]) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "commands": commands,
    "fields": fields,
    "diagnostics": diagnostics,
    "metrics": metrics,
}


def main() -> None:
    """Write everything to the directory that is named."""
    target = Path(sys.argv[1])
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(ROOT / "docs", target)
    for name, write in PAGES.items():
        (target / "reference" / f"{name}.md").write_text(write())


if __name__ == "__main__":
    main()
