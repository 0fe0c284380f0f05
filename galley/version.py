"""Which version this is: said by every command, in the log and in the metrics."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any


def version() -> str:
    """The version of the package as it is installed; "unknown" where it is not."""
    from importlib.metadata import PackageNotFoundError  # noqa: PLC0415 - a tenth of the time of --help
    from importlib.metadata import version as installed  # noqa: PLC0415

    try:
        return installed("pilothouse")
    except PackageNotFoundError:
        return "unknown"


class _ShowVersion(argparse.Action):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        sys.stdout.write(f"{parser.prog} {version()}\n")
        parser.exit()


def add_version_flag(parser: argparse.ArgumentParser) -> None:
    """Add ``--version``, which prints name and version and ends the command."""
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="show the version, and exit")
