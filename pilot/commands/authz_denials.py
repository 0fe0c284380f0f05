"""`pilot authz denials`: who was refused what by which policy, and the line to change."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from pilot.commands.flags.admin import NoAnswerError, add_admin_flag, read_page

_EXAMPLES = """\
Proxies report what their policies refuse to the control plane, within about a second. It remembers the last ten
thousand denials since it started (pilot serve --no-report-denials turns that off).

examples:
  pilot authz denials                     what is remembered, the oldest first
  pilot authz denials --follow            and what comes, until interrupted
  pilot authz denials --proxy reviews     by proxies whose node id has this in it
  pilot authz denials -o json | jq -r .origins[]

With -o json each denial is an object on a line of its own.

exit status: 0 done, 2 no answer
"""
_PAUSE_SECONDS = 1.0

_REASONS: Mapping[str, str] = {
    "rule": "policy {policy} denies it, rule {rule}",
    "no rule": "no ALLOW policy has a rule that matches",
    "token": "token: {why}",
    "server": "the authorization server says no",
}


def add_denials_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``pilot authz denials`` to ``pilot authz``."""
    parser = commands.add_parser(
        "denials",
        help="who was refused what by which policy, and the line to change",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--follow", action="store_true", help="go on with what comes, until interrupted")
    parser.add_argument("--proxy", default="", metavar="TEXT", help="only by proxies with TEXT in their node id")
    add_admin_flag(parser)
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: text")
    parser.set_defaults(run=run_denials)


def run_denials(args: argparse.Namespace) -> int:
    """Run ``pilot authz denials``; the result is its exit status."""

    def ask(since: int) -> dict[str, Any]:
        answer: dict[str, Any] = read_page("authz denials", args.admin_address, f"/debug/denialz?since={since}")
        return answer

    try:
        for denial in read_denials(ask, follow=args.follow):
            if args.proxy in denial["proxy"]:
                print(json.dumps(denial) if args.output == "json" else render_denial(denial), flush=True)
    except KeyboardInterrupt:
        return 0
    except NoAnswerError:
        return 2
    return 0


def read_denials(ask: Callable[[int], dict[str, Any]], *, follow: bool) -> Iterator[dict[str, Any]]:
    """All denials that are remembered, the oldest first; with ``follow`` also what comes, for ever.

    ``ask`` gives the page after a number. Each thread of an Envoy reports by itself, so numbers are in the order in
    which reports came: what is read together is put in the order of time. A control plane that was started anew
    counts from 1 again.
    """
    last = 0
    read: list[dict[str, Any]] = []
    while True:
        page = ask(last)
        if page["count"] < last:
            last = 0
            continue
        read += page["denials"]
        if page["denials"]:
            last = page["denials"][-1]["number"]
            if last < page["count"]:
                continue
        yield from sorted(read, key=itemgetter("time"))
        read.clear()
        if not follow:
            return
        time.sleep(_PAUSE_SECONDS)


def render_denial(denial: Mapping[str, Any]) -> str:
    """A denial as two lines: what was refused to whom, and why and where that is written."""
    began = datetime.fromtimestamp(denial["time"], UTC)
    who = denial["principal"] or "a client without identity"
    if denial["client"]:
        who += f" at {denial['client']}"
    what = f"{denial['method']} {denial['authority']}{denial['path']}".strip() if denial["code"] else "a connection"
    status = f" ({denial['code']})" if denial["code"] else ""
    why = _REASONS[denial["decidedBy"]].format(**denial)
    if denial["decidedBy"] == "server" and denial["why"]:
        why = f"the authorization server: {denial['why']}"
    where = "".join(f"\n    {origin}" for origin in denial["origins"])
    moment = began.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f"{moment} {_name(denial['proxy'])} refused {what}{status} to {who}: {why}{where}"


def _name(node_id: str) -> str:
    """Name and namespace of a proxy, from its node id."""
    parts = node_id.split("~")
    return parts[2] if len(parts) == 4 else node_id
