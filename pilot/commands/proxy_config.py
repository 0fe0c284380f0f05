"""`pilot proxy-config`: what an Envoy holds, resource by resource."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import Any

import yaml

from pilot.commands.columns import paint_for_terminal, render_columns, shown_json, shown_text
from pilot.config_dump.secrets import HEADER, secret_rows, secrets_section
from pilot.config_dump.sources import DumpError, fetch_envoy_dump, fetch_known_dump, read_dump_file
from pilot.settings import Settings

_EXAMPLES = """\
Say where to look: at the Envoy itself (--admin), at a dump that was saved (--file), or, by NAME, at what the control
plane has sent to a proxy that is connected to it. Keys are never shown.

STATUS: ACTIVE, Envoy uses it; WARMING, it has asked for it and not got it; STATIC, from its bootstrap. By NAME it is
what the control plane knows: ACTIVE once the proxy has accepted it. TYPE: Cert Chain, the proxy's own certificate (the
leaf is shown); CA, the roots that it trusts. A saved dump of an Envoy without agent has its token in it: keep it so.

examples:
  pilot proxy-config secret --admin 127.0.0.1:15000
  pilot proxy-config secret --admin unix:/run/envoy/admin.sock
  docker exec reviews-sidecar curl -s localhost:15000/config_dump | pilot proxy-config secret --file -
  pilot proxy-config secret reviews-1.default
  pilot proxy-config secret reviews-1 --check      exit status 1 unless all is there and valid
  pilot proxy-config secret reviews-1 -o json

exit status: 0 done, 1 there are no secrets or (--check) not all are good, 2 wrong usage or no answer
"""


def add_proxy_config_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``pilot proxy-config`` to the command."""
    parser = subparsers.add_parser(
        "proxy-config", aliases=["pc"], help="show what an Envoy holds: its secrets", description=__doc__
    )
    resources = parser.add_subparsers(title="resources", metavar="RESOURCE", required=True)
    secret = resources.add_parser(
        "secret",
        aliases=["secrets", "s"],
        help="certificates and roots, without keys",
        description="The certificates and roots of an Envoy, without keys.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_source_flags(secret)
    secret.add_argument(
        "-o", "--output", choices=("short", "json", "yaml"), default="short", help="default: short, a table"
    )
    secret.add_argument("--check", action="store_true", help="exit with 1 unless all secrets are there and valid now")
    secret.set_defaults(run=run_proxy_config_secret)


def _add_source_flags(parser: argparse.ArgumentParser) -> None:
    default = Settings(config=()).admin_address
    parser.add_argument("proxy", nargs="?", metavar="NAME[.NAMESPACE]", help="a proxy that is connected")
    parser.add_argument("--admin", metavar="ADDRESS", help="an Envoy's admin interface: HOST:PORT, URL or unix:PATH")
    parser.add_argument("--file", metavar="FILE", help="what an Envoy answered at /config_dump; - for standard input")
    parser.add_argument(
        "--admin-address",
        default=str(default),
        metavar="HOST:PORT",
        help=f"of pilot serve, which is asked by NAME (default: {default})",
    )


def run_proxy_config_secret(args: argparse.Namespace) -> int:
    """Run ``pilot proxy-config secret``; the result is its exit status."""
    if sum(one is not None for one in (args.proxy, args.admin, args.file)) != 1:
        return _fail("say one of: the NAME of a connected proxy, --admin ADDRESS, --file FILE")
    try:
        section = secrets_section(_dump(args))
    except (DumpError, ValueError) as error:
        return _fail(str(error))
    rows, now = secret_rows(section), datetime.now(UTC)
    if args.output == "short":
        cells = [row.cells(now) for row in rows]
        print(render_columns(HEADER, cells, paint_for_terminal()) if rows else "It holds no secrets.")
    else:
        print(_encode(section, args.output), end="")
    if not rows:
        return 1
    return 1 if args.check and not all(row.is_good_at(now) for row in rows) else 0


def _dump(args: argparse.Namespace) -> dict[str, Any]:
    if args.file is not None:
        return read_dump_file(args.file)
    if args.admin is not None:
        return fetch_envoy_dump(args.admin)
    return fetch_known_dump(args.admin_address, args.proxy)


def _encode(section: dict[str, Any], form: str) -> str:
    if form == "yaml":
        return yaml.safe_dump(section, sort_keys=False, allow_unicode=True)
    return shown_json(section) + "\n"


def _fail(problem: str) -> int:
    print(f"pilot proxy-config: {shown_text(problem)}", file=sys.stderr)
    return 2
