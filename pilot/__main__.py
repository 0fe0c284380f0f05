"""The command ``pilot``: serves configuration to Envoys, and shows what they are told."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence

from galley.version import add_version_flag

_COMMANDS = (
    "serve",
    "bootstrap",
    "agent",
    "dump",
    "proxy-status",
    "proxy-config",
    "authz",
    "redirect",
    "inject",
    "health",
)
"""In the order of the help. The command ``some-name`` is in `pilot.commands.some_name`, added by its function
``add_some_name_parser``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the result is its exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = build_parser(given).parse_args(given)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def build_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the one command that is wanted, or of all.

    Only what is wanted is imported: a container's health check is one of them, and runs every few seconds.
    """
    parser = argparse.ArgumentParser(prog="pilot", description=__doc__)
    add_version_flag(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    wanted = arguments[0] if arguments else ""
    for name in (wanted,) if wanted in _COMMANDS else _COMMANDS:
        word = name.replace("-", "_")
        add: Callable[[argparse._SubParsersAction[argparse.ArgumentParser]], None]
        add = getattr(importlib.import_module(f"pilot.commands.{word}"), f"add_{word}_parser")
        add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
