"""`pilot bootstrap`: writes the file that an Envoy starts with, from flags."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import tempfile
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

import yaml

from galley.meta import FrozenMap
from pilot.dataplane.bootstrap import (
    Address,
    BootstrapOptions,
    InterceptionMode,
    NodeLocality,
    NodeType,
    PipeAddress,
    SocketAddress,
    build_bootstrap,
)

T = TypeVar("T")

DEFAULT_XDS = "127.0.0.1:15010"
DEFAULT_ADMIN_HOST = "127.0.0.1"
DEFAULT_ADMIN_PORT = 15000
DEFAULT_STATUS_PORT = 15021
DEFAULT_STATS_PORT = 15090

_DESCRIPTION = """\
Write the bootstrap of one Envoy: who it is (node id and metadata, under Istio's names), where the control plane
listens, and its admin interface. Start Envoy with it:

  pilot bootstrap sidecar --name reviews-1 --labels app=reviews,version=v1 --port http=9080 -o yaml > envoy.yaml
  envoy -c envoy.yaml
"""

_SIDECAR_EXAMPLES = """\
examples:
  traffic captured by iptables rules (the default mode), readiness on 15021, statistics on 15090:
    pilot bootstrap sidecar --name reviews-1 --ip 10.0.0.7 --labels app=reviews,version=v1 --port http=9080

  one host, no root: clients reach the sidecar at 127.0.1.3:9080, the application listens on 127.0.1.3:19080,
  and sends what it wants from others through http_proxy=http://127.0.1.3:15080:
    pilot bootstrap sidecar --name reviews-1 --ip 127.0.1.3 --mode NONE --labels app=reviews,version=v1 \\
      --port http=9080 --app-port http=19080 --http-proxy-port 15080 --admin-address 127.0.1.3 --output envoy.yaml

  as an instance of a WorkloadGroup, in a zone:
    pilot bootstrap sidecar --name vm-1 --ip 10.0.0.9 --workload-group reviews --locality eu-west/eu-west-1a
"""

_GATEWAY_EXAMPLES = """\
examples:
  the gateway that Istio's samples select with "istio: ingressgateway":
    pilot bootstrap gateway --name ingress-1 --ip 10.0.0.2 --labels istio=ingressgateway --output gateway.yaml
"""


def add_bootstrap_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `bootstrap sidecar` and `bootstrap gateway` to the subcommands of `pilot`."""
    bootstrap = subparsers.add_parser(
        "bootstrap",
        help="write the bootstrap file of a sidecar or gateway Envoy",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = bootstrap.add_subparsers(dest="bootstrap_kind", metavar="KIND", required=True)
    for kind, summary, examples in (
        ("sidecar", "an Envoy beside one workload", _SIDECAR_EXAMPLES),
        ("gateway", "an Envoy at the edge, chosen by Gateway selectors", _GATEWAY_EXAMPLES),
    ):
        parser = kinds.add_parser(
            kind, help=summary, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        _add_identity_flags(parser)
        _add_workload_flags(parser, kind=kind)
        _add_connection_flags(parser)
        _add_output_flags(parser)
        parser.set_defaults(command_parser=parser)


def _add_identity_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("identity")
    group.add_argument("--name", required=True, type=_dns_label, help="this instance, unique in its namespace")
    group.add_argument("--namespace", default="default", type=_dns_label, help="default: %(default)s")
    group.add_argument("--service-account", default="default", metavar="NAME", help="default: %(default)s")
    group.add_argument("--workload-name", default="", metavar="NAME", help="what its replicas share; default: --name")
    group.add_argument("--ip", type=_ip, help="its address; default: the one from which it reaches --xds-address")
    group.add_argument(
        "--labels", action="append", default=[], type=_labels, metavar="K=V[,K=V]", help="workload labels; repeatable"
    )
    group.add_argument("--locality", default=NodeLocality(), type=_locality, metavar="REGION[/ZONE[/SUBZONE]]")
    group.add_argument("--cluster-id", default="", metavar="ID")
    group.add_argument("--network", default="", metavar="NAME")
    group.add_argument("--mesh-id", default="", metavar="ID")
    group.add_argument("--domain-suffix", default="cluster.local", metavar="DOMAIN", help="default: %(default)s")


def _add_workload_flags(parser: argparse.ArgumentParser, *, kind: str) -> None:
    group = parser.add_argument_group("workload and traffic")
    group.add_argument(
        "--port",
        action="append",
        default=[],
        type=_named_port,
        metavar="NAME=PORT",
        help="where others reach this workload, by service port name; repeatable",
    )
    group.add_argument(
        "--register",
        action=argparse.BooleanOptionalAction,
        default=kind == "sidecar",
        help="be an endpoint of the services that select this workload while connected",
    )
    group.add_argument("--workload-group", default="", metavar="NAME", help="the WorkloadGroup it is an instance of")
    if kind == "sidecar":
        group.add_argument(
            "--app-port",
            action="append",
            default=[],
            type=_named_port,
            metavar="NAME=PORT",
            help="mode NONE: where the application itself listens; repeatable",
        )
        group.add_argument(
            "--mode", type=str.upper, choices=[mode.value for mode in InterceptionMode], default="REDIRECT"
        )
        group.add_argument(
            "--http-proxy-port", type=_port, metavar="PORT", help="mode NONE: forward-proxy port for the application"
        )
    group.add_argument(
        "--status-port",
        type=_port_or_off,
        metavar="PORT",
        help="readiness listener, 0: none; default: 15021, or none in mode NONE",
    )
    group.add_argument(
        "--stats-port",
        type=_port_or_off,
        metavar="PORT",
        help="Prometheus listener, 0: none; default: 15090, or none in mode NONE",
    )


def _add_connection_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("control plane and admin")
    group.add_argument("--xds-address", default=DEFAULT_XDS, type=_xds_address, metavar="HOST:PORT|unix:PATH")
    protocol = group.add_mutually_exclusive_group()
    protocol.add_argument("--delta", dest="delta", action="store_true", default=True, help="incremental xDS (default)")
    protocol.add_argument("--sotw", dest="delta", action="store_false", help="state-of-the-world xDS")
    group.add_argument(
        "--admin-address", default=DEFAULT_ADMIN_HOST, metavar="IP|unix:PATH", help="default: %(default)s"
    )
    group.add_argument(
        "--admin-port", type=_port, default=DEFAULT_ADMIN_PORT, metavar="PORT", help="default: %(default)s"
    )


def _add_output_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o", dest="output_format", choices=("json", "yaml"), default="yaml", help="default: %(default)s"
    )
    group.add_argument("--output", type=Path, metavar="FILE", help="write there instead of to standard output")


def run_bootstrap(args: argparse.Namespace) -> int:
    """Write the bootstrap that the flags describe. Returns the exit status: 0, or 1 when FILE cannot be written."""
    parser: argparse.ArgumentParser = args.command_parser
    try:
        options = _options(args)
    except ValueError as error:
        parser.error(str(error))
    text = format_bootstrap(options, output_format=args.output_format)
    if args.output is None:
        sys.stdout.write(text)
        return 0
    try:
        _write_atomically(args.output, text)
    except OSError as error:
        sys.stderr.write(f"pilot bootstrap: cannot write {args.output}: {error.strerror}\n")
        return 1
    return 0


def format_bootstrap(options: BootstrapOptions, *, output_format: str) -> str:
    """The bootstrap as a text that Envoy reads: ``json`` or ``yaml``."""
    bootstrap = build_bootstrap(options)
    if output_format == "json":
        return json.dumps(bootstrap, indent=2) + "\n"
    return yaml.safe_dump(bootstrap, sort_keys=False, width=120)


def _options(args: argparse.Namespace) -> BootstrapOptions:
    """Raises ValueError, with a sentence for the user, for flags that contradict one another."""
    sidecar = args.bootstrap_kind == "sidecar"
    mode = InterceptionMode(args.mode) if sidecar else InterceptionMode.REDIRECT
    ports = _merge("--port", args.port)
    app_ports = _merge("--app-port", args.app_port) if sidecar else FrozenMap[str, int]()
    http_proxy_port: int | None = args.http_proxy_port if sidecar else None
    _check_mode(mode, ports=ports, app_ports=app_ports, http_proxy_port=http_proxy_port)
    shares_host = mode is InterceptionMode.NONE
    return BootstrapOptions(
        node_type=NodeType.SIDECAR if sidecar else NodeType.ROUTER,
        name=args.name,
        namespace=args.namespace,
        ip=args.ip or own_ip(args.xds_address),
        service_account=args.service_account,
        workload_name=args.workload_name,
        labels=_merge("--labels", [pair for pairs in args.labels for pair in pairs]),
        ports=ports,
        app_ports=app_ports,
        mode=mode,
        http_proxy_port=http_proxy_port,
        workload_group=args.workload_group,
        self_register=args.register,
        cluster_id=args.cluster_id,
        network=args.network,
        mesh_id=args.mesh_id,
        locality=args.locality,
        domain_suffix=args.domain_suffix,
        xds=args.xds_address,
        delta=args.delta,
        admin=_admin_address(args.admin_address, args.admin_port),
        status_port=_listener_port(args.status_port, None if shares_host else DEFAULT_STATUS_PORT),
        stats_port=_listener_port(args.stats_port, None if shares_host else DEFAULT_STATS_PORT),
    )


def _check_mode(
    mode: InterceptionMode, *, ports: FrozenMap[str, int], app_ports: FrozenMap[str, int], http_proxy_port: int | None
) -> None:
    if mode is not InterceptionMode.NONE:
        if app_ports:
            raise ValueError(f"--app-port only applies to --mode NONE, not to {mode.value}; leave it out")
        if http_proxy_port is not None:
            raise ValueError(f"--http-proxy-port only applies to --mode NONE, not to {mode.value}; leave it out")
        return
    for name, port in app_ports.items():
        if name not in ports:
            raise ValueError(f"--app-port {name}={port} has no --port {name}=…; say where others reach this port")
        if ports[name] == port:
            raise ValueError(
                f"--port and --app-port are both {name}={port}: sidecar and application cannot listen on the same"
                " port; give the application another one"
            )


def _merge(flag: str, pairs: Iterable[tuple[str, T]]) -> FrozenMap[str, T]:
    merged: dict[str, T] = {}
    for key, value in pairs:
        if key in merged and merged[key] != value:
            raise ValueError(f"{flag} gives {key} twice, as {merged[key]} and as {value}; keep one")
        merged[key] = value
    return FrozenMap(merged)


def _listener_port(given: int | None, default: int | None) -> int | None:
    return default if given is None else (given or None)


def own_ip(xds: Address) -> str:
    """The address from which this machine would reach the control plane. No packet is sent.

    Raises ValueError when there is no route to it.
    """
    if isinstance(xds, PipeAddress):
        return "127.0.0.1"
    try:
        family, kind, *_rest, target = socket.getaddrinfo(xds.host, xds.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(target)
            return str(probe.getsockname()[0])
    except OSError as error:
        raise ValueError(f"cannot tell this machine's address towards {xds} ({error}); give it with --ip") from error


def _write_atomically(path: Path, text: str) -> None:
    """Replace ``path`` as a whole: an Envoy that starts meanwhile must not read half of a file."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(text)
            file.close()
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def _labels(text: str) -> list[tuple[str, str]]:
    return [_pair(part) for part in text.split(",") if part]


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE, such as app=reviews")
    return key, value


def _named_port(text: str) -> tuple[str, int]:
    name, separator, port = text.partition("=")
    if not separator or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PORT, such as http=9080")
    return name, _port(port)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port between 1 and 65535")
    return int(text)


def _port_or_off(text: str) -> int:
    return 0 if text == "0" else _port(text)


def _ip(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an IP address, such as 10.0.0.7") from None


def _dns_label(text: str) -> str:
    if not text or len(text) > 253 or not all(c.isascii() and (c.isalnum() or c in "-.") for c in text):
        raise argparse.ArgumentTypeError(f"{text!r} may only hold letters, digits, '-' and '.'")
    return text


def _locality(text: str) -> NodeLocality:
    parts = text.split("/")
    if len(parts) > 3 or not all(parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not REGION, REGION/ZONE or REGION/ZONE/SUBZONE")
    return NodeLocality(*parts)


def _xds_address(text: str) -> Address:
    if text.startswith("unix:") and len(text) > len("unix:"):
        return PipeAddress(text.removeprefix("unix:"))
    host, separator, port = text.rpartition(":")
    if not separator or not host:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as {DEFAULT_XDS}, or unix:/path")
    return SocketAddress(host.removeprefix("[").removesuffix("]"), _port(port))


def _admin_address(text: str, port: int) -> Address:
    """Raises ValueError for a name: Envoy binds its admin interface to an IP address only."""
    if text.startswith("unix:") and len(text) > len("unix:"):
        return PipeAddress(text.removeprefix("unix:"))
    try:
        return SocketAddress(str(ip_address(text)), port)
    except ValueError:
        raise ValueError(
            f"--admin-address {text!r} is neither an IP address, such as 127.0.0.1, nor unix:/path"
        ) from None
