"""`pilot authz policies`: which policies about access are in force, and at how many of the connected proxies."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pilot.commands.columns import render_columns
from pilot.commands.flags.admin import NoAnswerError, add_admin_flag, read_page

_EXAMPLES = """\
PROXIES: how many proxies have the policy, of how many it reaches; the others have not answered yet, or said no (see
pilot proxy-status).

examples:
  pilot authz policies
  pilot authz policies -o json | jq '.[] | select(.proxies == []) | .origin'

exit status: 0 done, 2 no answer
"""


def add_policies_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``pilot authz policies`` to ``pilot authz``."""
    parser = commands.add_parser(
        "policies",
        help="which policies are in force at which connected proxies",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_admin_flag(parser)
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="default: table")
    parser.set_defaults(run=run_policies)


def run_policies(args: argparse.Namespace) -> int:
    """Run ``pilot authz policies``; the result is its exit status."""
    try:
        policies: list[dict[str, Any]] = read_page("authz policies", args.admin_address, "/debug/authzz")
    except NoAnswerError:
        return 2
    print(json.dumps(policies, indent=2) if args.output == "json" else render_policies(policies))
    return 0


def render_policies(policies: Sequence[Mapping[str, Any]]) -> str:
    """One line for each policy."""
    if not policies:
        return "There are no policies about access: every request is allowed."
    return render_columns(("KIND", "POLICY", "ACTION", "PROXIES", "WHERE"), [_row(policy) for policy in policies])


def _row(policy: Mapping[str, Any]) -> tuple[str, ...]:
    proxies = policy["proxies"]
    having = sum(proxy["listeners"] == "SYNCED" for proxy in proxies)
    return (
        policy["kind"],
        f"{policy['namespace']}/{policy['name']}",
        (policy["action"] or "-") + (" (dry run)" if policy["dryRun"] else ""),
        str(having) if having == len(proxies) else f"{having} of {len(proxies)}",
        policy["origin"],
    )
