"""The flags of `pilot serve` that bound what its clients may take."""

from __future__ import annotations

import argparse

from pilot.settings import StreamLimits


def add_limit_flags(parser: argparse.ArgumentParser) -> None:
    """Add them as a group of their own."""
    defaults = StreamLimits()
    group = parser.add_argument_group(
        "limits",
        "A stream beyond a limit ends with RESOURCE_EXHAUSTED, a line in the log and a count in the metric "
        "pilot_xds_refused_streams; its Envoy tries again later.",
    )
    for flag, default, meaning in (
        ("--max-streams", defaults.total, "xDS streams in all"),
        (
            "--max-streams-per-address",
            defaults.per_address,
            "xDS streams from one address, or /64 of public IPv6",
        ),
        ("--max-streams-per-identity", defaults.per_identity, "xDS streams of one service account"),
    ):
        group.add_argument(flag, type=_count, default=default, metavar="N", help=f"{meaning} (default: {default})")


def read_stream_limits(args: argparse.Namespace) -> StreamLimits:
    """What the flags say."""
    return StreamLimits(
        total=args.max_streams, per_address=args.max_streams_per_address, per_identity=args.max_streams_per_identity
    )


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 1000000")
    return int(text)
