"""Flags given by environment variables, as containers like it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

PREFIX = "PILOT_AGENT_"
_SWITCH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def take_defaults(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """Make what ``environment`` says of the flags of ``parser`` their defaults: ``--xds-address`` is
    PILOT_AGENT_XDS_ADDRESS. Values of a flag that may be repeated stand side by side, apart by spaces. A value that
    the flag would not take ends the command as the flag itself would.
    """
    for action in parser._actions:
        flag = next((one for one in action.option_strings if one.startswith("--")), "")
        name = PREFIX + flag.removeprefix("--").replace("-", "_").upper()
        if not flag or name not in environment or isinstance(action, argparse._HelpAction):
            continue
        try:
            action.default = _read(action, environment[name])
        except (argparse.ArgumentTypeError, ValueError, KeyError) as mistake:
            parser.error(f"${name}: {mistake}")
        action.required = False


def _read(action: argparse.Action, text: str) -> Any:
    if action.nargs == 0:
        if text.lower() not in _SWITCH:
            raise ValueError(f"{text!r} is neither true nor false")
        given = _SWITCH[text.lower()]
        return given if action.const is None or action.const is True else (action.const if given else action.default)
    if isinstance(action, argparse._AppendAction):
        return [_convert(action, part) for part in text.split()]
    return _convert(action, text)


def _convert(action: argparse.Action, text: str) -> Any:
    value = action.type(text) if callable(action.type) else text
    if action.choices is not None and value not in action.choices:
        raise ValueError(f"{text!r} is not one of {', '.join(map(str, action.choices))}")
    return value
