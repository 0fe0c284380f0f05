"""`pilot serve`: watches configuration and serves it to Envoys until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from galley.commands.flags import add_reading_flags, add_start_flags
from pilot.commands.flags.docker import add_docker_flags, read_docker_settings
from pilot.commands.flags.identity import add_identity_flags, listen_address, read_identity_settings
from pilot.commands.flags.jwks import add_jwks_flags
from pilot.commands.flags.limit import add_limit_flags, read_stream_limits
from pilot.settings import Settings

_EXAMPLES = """\
examples:
  pilot serve --config rules/ --state .pilot          watch rules/, serve on 127.0.0.1:15010
  pilot serve --config base/ --config team-a/         several directories, one mesh
  pilot serve --config rules/ --citadel /var/lib/pilothouse --xds-address 0.0.0.0:15012 --xds-san pilot.example
                                                      serve other hosts over TLS, to proxies that prove who they are
  pilot serve --config rules/ --xds-address 0.0.0.0:15010 --insecure
                                                      serve other hosts, without transport security
  pilot serve --config rules/ --docker --docker-project shop
                                                      containers of the Compose project shop are endpoints

A broken file never takes the mesh down: its last accepted content stays in force and the log names file, line and
field. With --state this holds over restarts too.

exit status: 0 stopped by a signal, 1 the configuration was refused at the start, 2 wrong usage or address
"""


def add_serve_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``pilot serve`` to the command."""
    defaults = Settings(config=())
    parser = subparsers.add_parser(
        "serve",
        help="watch configuration and serve it to Envoys",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config",
        action="append",
        required=True,
        type=Path,
        metavar="DIR",
        help="directory (or one file) of configuration to watch; repeatable",
    )
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="where accepted configuration and registrations outlive a restart"
    )
    parser.add_argument("--xds-address", type=listen_address, default=defaults.xds_address, metavar="HOST:PORT",
                        help=f"where Envoys connect (default: {defaults.xds_address})")  # fmt: skip
    parser.add_argument("--admin-address", type=listen_address, default=defaults.admin_address, metavar="HOST:PORT",
                        help=f"health, metrics and debugging (default: {defaults.admin_address})")  # fmt: skip
    parser.add_argument("--admin-host", action="append", default=[], metavar="NAME",
                        help="name or address by which the admin port may be asked, too; repeatable")  # fmt: skip
    parser.add_argument(
        "--insecure", action="store_true", help="listen beyond loopback although nothing is encrypted or authenticated"
    )
    add_start_flags(parser)
    add_reading_flags(parser)
    parser.add_argument(
        "--allow-empty", action="store_true", help="an emptied or vanished directory means that its rules are deleted"
    )
    parser.add_argument(
        "--deregister-after", type=_seconds, default=defaults.deregister_after, metavar="SECONDS",
        help=f"how long a workload stays an endpoint after its Envoy left (default: {defaults.deregister_after:g})",
    )  # fmt: skip
    parser.add_argument(
        "--report-denials", action=argparse.BooleanOptionalAction, default=True,
        help="proxies with policies report what these refuse, for pilot authz denials (default: on)",
    )  # fmt: skip
    add_identity_flags(parser)
    add_limit_flags(parser)
    add_jwks_flags(parser)
    add_docker_flags(parser)
    parser.set_defaults(run=run_serve)


def run_serve(args: argparse.Namespace) -> int:
    """Run ``pilot serve``; the result is its exit status."""
    try:
        docker = read_docker_settings(args)
    except ValueError as error:
        print(f"pilot serve: {error}", file=sys.stderr)
        return 2
    settings = Settings(
        config=tuple(args.config),
        state=args.state,
        xds_address=args.xds_address,
        admin_address=args.admin_address,
        admin_hosts=tuple(args.admin_host),
        insecure=args.insecure,
        report_denials=args.report_denials,
        accept_partial=args.accept_partial,
        require_complete=args.require_complete,
        accept_unenforced=args.accept_unenforced,
        follow_links=args.follow_links,
        domain=args.domain,
        allow_empty=args.allow_empty,
        deregister_after=args.deregister_after,
        identity=read_identity_settings(args),
        limits=read_stream_limits(args),
        docker=docker,
        jwks_targets=tuple(args.jwks_allow),
        key_fetcher=args.key_fetcher,
    )
    if problem := settings.check():
        print(f"pilot serve: {problem}", file=sys.stderr)
        return 2
    from pilot.app import serve  # noqa: PLC0415 - imports all of Envoy's messages, which --help need not wait for

    return asyncio.run(serve(settings))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not 0 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 3600 seconds")
    return seconds
