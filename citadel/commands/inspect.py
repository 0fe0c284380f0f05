"""`citadel inspect`: what the certificates in PEM files say."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path

from citadel.commands.options import FAILED, OK, Subparsers, add_output_option, add_parser
from citadel.inspection import Inspection, inspect_pem, render_json, render_text

STDIN = "-"

_EXAMPLES = """\
examples:
  citadel inspect certs/tls.crt
  citadel inspect -o json /etc/ssl/certs/ca-certificates.crt | jq '.[].certificates[] | select(.secondsLeft < 86400)'
  openssl s_client -connect example.com:443 </dev/null | citadel inspect -

exit status: 0 all certificates are valid now, 1 a file cannot be read, has no certificate, or one that is not valid
now, 2 wrong usage
"""


def add_inspect_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``citadel inspect`` to the command."""
    parser = add_parser(
        subparsers,
        "inspect",
        summary="print what the certificates in PEM files say",
        description="Print subject, SPIFFE ids, issuer, validity and key of the certificates in PEM files.",
        examples=_EXAMPLES,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a PEM file, or - for standard input")
    add_output_option(parser)
    parser.set_defaults(run=run_inspect)


def run_inspect(options: argparse.Namespace) -> int:
    """Run ``citadel inspect``; the result is its exit status."""
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
    return OK if all(each.is_good_at(now) for each in inspections) else FAILED


def _inspect_file(name: str) -> Inspection:
    if name == STDIN:
        return inspect_pem("<stdin>", sys.stdin.buffer.read())
    try:
        return inspect_pem(name, Path(name).read_bytes())
    except OSError as failure:
        return Inspection(name, error=failure.strerror or str(failure))
