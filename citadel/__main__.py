"""The command ``citadel``: looks at certificates."""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from citadel.inspection import Inspection, inspect_pem, render_json, render_text

OK, FOUND_ERRORS, USAGE = 0, 1, 2
STDIN = "-"

_EXAMPLES = """\
examples:
  citadel inspect certs/tls.crt
  citadel inspect -o json /etc/ssl/certs/ca-certificates.crt | jq '.[].certificates[] | select(.secondsLeft < 86400)'
  openssl s_client -connect example.com:443 </dev/null | citadel inspect -

exit status: 0 all certificates are valid now, 1 a file cannot be read, has no certificate, or one that is not valid
now, 2 wrong usage
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the result is its exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FOUND_ERRORS
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="citadel", description="Looks at certificates.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    inspect = commands.add_parser(
        "inspect",
        help="print what the certificates in PEM files say",
        description="Print subject, SPIFFE ids, issuer, validity and key of the certificates in PEM files.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inspect.add_argument("files", nargs="+", metavar="FILE", help="a PEM file, or - for standard input")
    inspect.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: text")
    inspect.set_defaults(run=_run_inspect)
    return parser


def _run_inspect(options: argparse.Namespace) -> int:
    now = datetime.now(UTC)
    with warnings.catch_warnings():
        # The crypto library complains of old certificates in long warnings with source lines of ours.
        warnings.simplefilter("ignore")
        inspections = [_inspect_file(file) for file in options.files]
    if options.output == "json":
        print(json.dumps(render_json(inspections, now=now), indent=2))
    else:
        sys.stdout.write(render_text([each for each in inspections if not each.error], now=now))
        for failed in (each for each in inspections if each.error):
            print(f"citadel inspect: {failed.file}: {failed.error}", file=sys.stderr)
    return OK if all(each.is_good_at(now) for each in inspections) else FOUND_ERRORS


def _inspect_file(name: str) -> Inspection:
    if name == STDIN:
        return inspect_pem("<stdin>", sys.stdin.buffer.read())
    try:
        return inspect_pem(name, Path(name).read_bytes())
    except OSError as failure:
        return Inspection(name, error=failure.strerror or str(failure))


if __name__ == "__main__":
    sys.exit(main())
