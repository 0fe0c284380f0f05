"""Options that several commands have, and what their values mean."""

from __future__ import annotations

import argparse
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from citadel.identity import SpiffeId, TrustDomain
from citadel.state_files import StateError
from galley.text.scalars import parse_duration

OK, FAILED, USAGE = 0, 1, 2

Subparsers = argparse._SubParsersAction  # the type has no public name
_DAYS = re.compile(r"([0-9]{1,6})d")


def add_parser(
    subparsers: Subparsers[argparse.ArgumentParser], name: str, *, summary: str, description: str, examples: str
) -> argparse.ArgumentParser:
    """A subcommand with its help."""
    return subparsers.add_parser(
        name,
        help=summary,
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_state_option(parser: argparse.ArgumentParser) -> None:
    """``--state``, which ``pilot serve`` has too."""
    parser.add_argument(
        "--state", type=Path, required=True, metavar="DIR", help="the state directory, as given to pilot serve"
    )


def add_trust_domain_option(parser: argparse.ArgumentParser) -> None:
    """``--trust-domain``, for a state directory whose authority is plugged in."""
    parser.add_argument(
        "--trust-domain",
        type=parse_trust_domain,
        metavar="DOMAIN",
        help="needed only with a plugged-in authority (default: that of the authority in --state)",
    )


def add_identity_options(parser: argparse.ArgumentParser) -> None:
    """``--namespace`` and ``--service-account``, both needed."""
    parser.add_argument("--namespace", required=True, metavar="NAME", help="namespace of the workload")
    parser.add_argument("--service-account", required=True, metavar="NAME", help="service account of the workload")


def add_output_option(parser: argparse.ArgumentParser) -> None:
    """``-o text|json``."""
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: text")


def parse_ttl(text: str) -> timedelta:
    """A lifetime such as 90d, 24h or 1h30m, at least a second."""
    days = _DAYS.fullmatch(text)
    try:
        ttl = timedelta(days=int(days[1])) if days else parse_duration(text)
    except ValueError as mistake:
        raise argparse.ArgumentTypeError(f"{text!r}: {mistake}") from None
    if ttl < timedelta(seconds=1):
        raise argparse.ArgumentTypeError(f"{text!r}: at least 1s")
    return ttl


def parse_trust_domain(text: str) -> TrustDomain:
    """A trust domain such as cluster.local."""
    try:
        return TrustDomain.parse(text)
    except ValueError as mistake:
        raise argparse.ArgumentTypeError(str(mistake)) from None


def read_identity(trust_domain: TrustDomain, options: argparse.Namespace) -> SpiffeId:
    """The identity that ``--namespace`` and ``--service-account`` name. StateError when it cannot be one."""
    try:
        return SpiffeId(trust_domain, options.namespace, options.service_account)
    except ValueError as mistake:
        raise StateError(f"{mistake}: letters, digits, dots, dashes and underscores are") from None


def print_result(options: argparse.Namespace, text: str, result: dict[str, Any]) -> None:
    """The result of a command, in the form that ``-o`` asks for."""
    print(json.dumps(result, indent=2) if options.output == "json" else text)
