"""The command ``pilot``: serves configuration to Envoys, and shows what they are told."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from pilot.commands.agent import add_agent_parser
from pilot.commands.bootstrap import add_bootstrap_parser
from pilot.commands.dump import add_dump_parser
from pilot.commands.inject import add_inject_parser
from pilot.commands.proxy_status import add_proxy_status_parser
from pilot.commands.redirect import add_redirect_parser
from pilot.commands.serve import add_serve_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the result is its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pilot", description=__doc__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (
        add_serve_parser,
        add_bootstrap_parser,
        add_agent_parser,
        add_dump_parser,
        add_proxy_status_parser,
        add_redirect_parser,
        add_inject_parser,
    ):
        add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
