"""Values as YAML text in the style of hand-written compose files: indented lists, short ones on one line."""

from __future__ import annotations

from typing import Any

import yaml

_SHORT = 90
"""Longest list of scalars that stays on one line."""


class _Dumper(yaml.SafeDumper):
    """Indents the items of a list below their key."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _represent_list(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
    scalars = all(isinstance(item, str | int) and "\n" not in str(item) for item in data)
    short = scalars and sum(len(str(item)) + 4 for item in data) <= _SHORT
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=short)


def _represent_text(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data.strip("\n") else None)


_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(str, _represent_text)


def dump_value(value: Any, indent: int) -> list[str]:
    """Lines of ``value``, each indented by ``indent`` spaces. A collection that is empty is one line."""
    text = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, width=1 << 20, allow_unicode=True, default_flow_style=False
    )
    text = text.removesuffix("...\n")
    return [" " * indent + line if line else "" for line in text.splitlines()]


def dump_entry(key: str, value: Any, indent: int) -> list[str]:
    """Lines of ``key: value`` at the column ``indent``."""
    if value is None:
        return [f"{' ' * indent}{dump_value(key, 0)[0]}:"]
    return dump_value({key: value}, indent)


def dump_item(value: Any, indent: int) -> list[str]:
    """Lines of ``- value`` with the dash at the column ``indent``."""
    lines = dump_value([value], 0)
    if lines[0].startswith("["):
        lines = [f"- {dump_value(value, 0)[0]}"]
    else:
        lead = len(lines[0]) - len(lines[0].lstrip())
        lines = [line[lead:] for line in lines]
    return [" " * indent + line if line else "" for line in lines]
