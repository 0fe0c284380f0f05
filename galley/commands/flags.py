"""Flags that say how configuration is read: the same for every command that reads it."""

from __future__ import annotations

import argparse

from galley.hosts.names import DEFAULT_DOMAIN
from galley.kinds.checks.scalars import wrong_with_name


def add_reading_flags(parser: argparse.ArgumentParser) -> None:
    """Add ``--domain``, ``--accept-unenforced`` and ``--follow-links`` to ``parser``."""
    parser.add_argument(
        "--domain",
        type=read_domain,
        default=DEFAULT_DOMAIN,
        help="the DNS domain of the mesh, as in SERVICE.NAMESPACE.svc.DOMAIN (default: %(default)s)",
    )
    parser.add_argument(
        "--accept-unenforced", action="store_true", help="only warn of security settings that cannot be enforced yet"
    )
    parser.add_argument(
        "--follow-links", action="store_true", help="links that lead out of the directories are meant: do not warn"
    )


def add_start_flags(parser: argparse.ArgumentParser) -> None:
    """Add ``--require-complete`` and ``--accept-partial``, which exclude each other."""
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        "--require-complete", action="store_true", help="the first time, start only when no file has errors"
    )
    start.add_argument(
        "--accept-partial",
        action="store_true",
        help="the first time, start even without files that may say who is let in (security policies, MeshConfig)",
    )


def read_domain(text: str) -> str:
    """A DNS domain in lower case. Raises ArgumentTypeError for what is none."""
    domain = text.removesuffix(".").lower()
    if wrong := wrong_with_name(domain):
        raise argparse.ArgumentTypeError(wrong)
    return domain
