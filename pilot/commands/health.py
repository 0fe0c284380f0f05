"""`pilot health`: asks a readiness page; for the health checks of containers, which have no curl."""

from __future__ import annotations

import argparse
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from galley.text.wording import printable, shortened
from pilot.settings import Settings

_EXAMPLES = """\
examples:
  pilot health                                        is pilot serve on this machine ready?
  pilot health --wait 30                              wait until it is, for 30 seconds at most
  pilot health http://127.0.0.1:15021/healthz/ready   is the Envoy of this pod ready?

exit status: 0 ready, 1 not ready, or nobody answers
"""
_PAUSE = 0.1
_MOST_LINES = 20


def add_health_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``pilot health`` to the command."""
    parser = subparsers.add_parser(
        "health",
        help="ask whether the control plane, or an Envoy, is ready",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = f"http://{Settings(config=()).admin_address}/readyz"
    parser.add_argument("url", nargs="?", default=default, metavar="URL", help=f"what to ask (default: {default})")
    parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="ask again until it is ready")
    parser.set_defaults(run=run_health)


def run_health(args: argparse.Namespace) -> int:
    """Run ``pilot health``; the result is its exit status."""
    deadline = time.monotonic() + args.wait
    while True:
        ready, answer = ask(args.url)
        if ready or time.monotonic() >= deadline:
            print(answer, file=sys.stdout if ready else sys.stderr)
            return 0 if ready else 1
        time.sleep(_PAUSE)


def open_directly(url: str, timeout: float) -> Any:
    """The answer of ``url``, without the proxy that the environment may name (Docker puts one into containers)."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=timeout)


def ask(url: str, timeout: float = 2.0) -> tuple[bool, str]:
    """Whether ``url`` answers with 200, and what it says, or why there is no answer."""
    try:
        with open_directly(url, timeout) as response:
            return True, _shown(response.read())
    except urllib.error.HTTPError as refusal:
        return False, f"{refusal.code} {_shown(refusal.read())}"
    except (OSError, ValueError) as error:
        return False, f"no answer from {url}: {getattr(error, 'reason', error)}"


def _shown(body: bytes) -> str:
    lines = body.decode("utf-8", "replace").strip().splitlines()[:_MOST_LINES]
    return "\n".join(shortened(printable(line), 500) for line in lines)
