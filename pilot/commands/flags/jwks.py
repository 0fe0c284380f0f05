"""The flags about key sets (JWKS), with which tokens of requests are verified."""

from __future__ import annotations

import argparse
from ipaddress import ip_network

from citadel.jwks.key_sets import KeyFetcher


def add_key_fetcher_flag(parser: argparse._ActionsContainer) -> None:
    """Add ``--jwks-fetch``, for what serves Envoys and what shows what they would be served."""
    parser.add_argument(
        "--jwks-fetch",
        type=_key_fetcher,
        default=KeyFetcher.CONTROL_PLANE,
        metavar="|".join(KeyFetcher),
        dest="key_fetcher",
        help="who fetches key sets (jwksUri): the control plane, or each Envoy, through the cluster of the service "
        f"for host and port (default: {KeyFetcher.CONTROL_PLANE})",
    )


def add_jwks_flags(parser: argparse.ArgumentParser) -> None:
    """Add all of them as a group of their own."""
    group = parser.add_argument_group("keys of tokens")
    add_key_fetcher_flag(group)
    group.add_argument(
        "--jwks-allow",
        action="append",
        default=[],
        type=_network,
        metavar="NETWORK",
        help="fetch key sets from addresses in NETWORK, too, which are not public; repeatable",
    )


def _key_fetcher(text: str) -> KeyFetcher:
    try:
        return KeyFetcher(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(KeyFetcher)}") from None


def _network(text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address or a network such as 10.0.0.0/8") from None
