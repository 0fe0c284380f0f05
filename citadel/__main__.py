"""The command ``citadel``: keeps the certificate authority of a mesh, and looks at certificates."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from citadel.ca.roots import RotationStepError
from citadel.commands.init import add_init_parser
from citadel.commands.inspect import add_inspect_parser
from citadel.commands.issue import add_issue_parser
from citadel.commands.options import FAILED
from citadel.commands.root import add_root_parser
from citadel.commands.token import add_token_parser
from citadel.state_files import StateError
from galley.version import add_version_flag


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the result is its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except (StateError, RotationStepError) as failure:
        print(f"citadel: {failure}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="citadel", description=__doc__)
    add_version_flag(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (add_init_parser, add_inspect_parser, add_token_parser, add_issue_parser, add_root_parser):
        add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
