"""The flag of commands that ask a running control plane, and the question."""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
from typing import Any

from pilot.commands.columns import shown_text
from pilot.commands.health import open_directly
from pilot.settings import Settings

_PATIENCE_SECONDS = 10.0


class NoAnswerError(Exception):
    """The control plane was not reached, or said nothing that could be read; the user has been told."""


def add_admin_flag(parser: argparse.ArgumentParser) -> None:
    """Add ``--admin-address``, where the control plane is asked."""
    default = Settings(config=()).admin_address
    parser.add_argument(
        "--admin-address", default=str(default), metavar="HOST:PORT", help=f"of pilot serve (default: {default})"
    )


def read_page(command: str, address: str, page: str) -> Any:
    """The JSON of a page of the control plane at ``address``, for ``command``. Raises NoAnswerError, after saying on
    standard error what is wrong and what to do."""
    url = f"http://{address}"
    try:
        with open_directly(url + page, timeout=_PATIENCE_SECONDS) as answer:
            return json.load(answer)
    except (OSError, ValueError, urllib.error.URLError) as error:
        reason = shown_text(str(getattr(error, "reason", error)))
        print(f"pilot {command}: no answer from {url}: {reason}; is pilot serve running there?", file=sys.stderr)
        raise NoAnswerError from error
