"""`pilot proxy-status`: which proxy has what, and what an Envoy said no to."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pilot.commands.columns import Paint, paint_for_terminal, render_columns, shown_cell, shown_json, shown_text
from pilot.commands.flags.admin import NoAnswerError, add_admin_flag, read_page
from pilot.xds.resources import PUSH_ORDER, SECRET, SHORT_NAMES

_COLUMNS = tuple(SHORT_NAMES[type_url] for type_url in PUSH_ORDER if type_url != SECRET)

_MOST_LINES = 100
"""Lines that are shown of the text of one rejection."""

_EXAMPLES = """\
SYNCED: the proxy acknowledged what it was sent. STALE: no answer yet. NACK: it said no, and goes on with what it had;
below the table stand Envoy's words and the line of your configuration that they are about. NOT SENT: it did not ask.

examples:
  pilot proxy-status
  pilot proxy-status reviews-v1
  pilot proxy-status -o json | jq '.[] | select(.types[].status == "NACK") | .id'
  pilot proxy-status --check       exit status 1 unless every proxy is SYNCED
"""


def add_proxy_status_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``pilot proxy-status`` to the command."""
    parser = subparsers.add_parser(
        "proxy-status",
        aliases=["ps"],
        help="show which proxy has what, and what an Envoy rejected",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("proxy", nargs="?", default="", metavar="PROXY", help="only proxies whose id contains this")
    add_admin_flag(parser)
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table", help="default: table")
    parser.add_argument("--check", action="store_true", help="exit with 1 unless every proxy is SYNCED")
    parser.set_defaults(run=run_proxy_status)


def run_proxy_status(args: argparse.Namespace) -> int:
    """Run ``pilot proxy-status``; the result is its exit status."""
    try:
        fleet: list[dict[str, Any]] = read_page("proxy-status", args.admin_address, "/debug/syncz")
    except NoAnswerError:
        return 2
    proxies = [one for one in fleet if args.proxy in one["id"]]
    print(shown_json(proxies) if args.output == "json" else render_table(proxies, paint_for_terminal()))
    in_sync = all(_status(proxy, column) in ("SYNCED", "NOT SENT") for proxy in proxies for column in _COLUMNS)
    return 1 if args.check and not (proxies and in_sync) else 0


def render_table(proxies: Sequence[Mapping[str, Any]], paint: Paint | None = None) -> str:
    """Proxies in columns, then one paragraph for each rejection."""
    if not proxies:
        return "No proxy is connected."
    header = ("NAME", *_COLUMNS, "ENVOY", "CONNECTED")
    rows = [
        (
            _name(proxy),
            *(_status(proxy, column) for column in _COLUMNS),
            proxy["envoyVersion"] or "-",
            _age(proxy["connectedSeconds"]),
        )
        for proxy in proxies
    ]
    table = render_columns(header, rows, paint)
    return "\n".join([table, *_without_identity(proxies), *_rejections(proxies)])


def _without_identity(proxies: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for proxy in proxies:
        if proxy.get("identity") == "":
            yield (
                f"\n{_name(proxy)} has no identity: it came over the plaintext port. It speaks "
                "plain text with those who take it; under STRICT it accepts nothing and reaches nobody."
            )


def _rejections(proxies: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for proxy in proxies:
        for column, state in proxy["types"].items():
            error = state.get("error")
            if not error:
                continue
            names = ", ".join(error["resources"]) or "the whole response"
            yield f"\n{_name(proxy)} rejected {shown_cell(column)} {shown_text(names)}:"
            yield from (f"  {shown_text(line)}" for line in error["message"].splitlines()[:_MOST_LINES])
            yield from (f"  at {shown_text(origin)}" for origin in error["origins"])


def _name(proxy: Mapping[str, Any]) -> str:
    return shown_cell(f"{proxy['name']}.{proxy['namespace']}")


def _status(proxy: Mapping[str, Any], column: str) -> str:
    state = proxy["types"].get(column)
    return str(state["status"]) if state else "NOT SENT"


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"
