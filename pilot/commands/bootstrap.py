"""`pilot bootstrap`: writes the file that an Envoy starts with, from flags."""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Iterable
from ipaddress import ip_address
from typing import TypeVar

import yaml

from galley.atomic_write import PRIVATE, PUBLIC, write_atomically
from galley.frozen import FrozenMap
from pilot.commands.flags.bootstrap import add_bootstrap_flags
from pilot.commands.flags.xds_credentials import read_xds_tls
from pilot.dataplane.bootstrap import Address, BootstrapOptions, PipeAddress, SocketAddress, build_bootstrap
from pilot.node.metadata import Interception
from pilot.node.node_id import ProxyKind
from pilot.node.ports import READINESS_PORT, STATISTICS_PORT

T = TypeVar("T")


def add_bootstrap_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `bootstrap` to the subcommands of `pilot`; its ``run`` is `run_bootstrap`."""
    add_bootstrap_flags(subparsers).set_defaults(run=run_bootstrap)


def run_bootstrap(args: argparse.Namespace) -> int:
    """Write the bootstrap that the flags describe. Returns the exit status: 0, or 1 when FILE cannot be written."""
    parser: argparse.ArgumentParser = args.command_parser
    try:
        options = read_bootstrap_options(args)
    except ValueError as error:
        parser.error(str(error))
    text = format_bootstrap(options, output_format=args.output_format)
    if args.output is None:
        sys.stdout.write(text)
        return 0
    try:
        is_secret = options.xds_tls is not None and bool(options.xds_tls.token)
        write_atomically(args.output, text.encode(), mode=PRIVATE if is_secret else PUBLIC)
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


def read_bootstrap_options(args: argparse.Namespace) -> BootstrapOptions:
    """The Envoy that the flags of `add_kinds` describe.

    Raises ValueError, with a sentence for the user, for flags that contradict one another.
    """
    sidecar = args.bootstrap_kind == "sidecar"
    mode = Interception(args.mode) if sidecar else Interception.REDIRECT
    ports = _merge("--port", args.port)
    app_ports = _merge("--app-port", args.app_port) if sidecar else FrozenMap[str, int]()
    http_proxy_port: int | None = args.http_proxy_port if sidecar else None
    _check_mode(mode, ports=ports, app_ports=app_ports, http_proxy_port=http_proxy_port)
    dns_capture: bool = sidecar and args.dns_capture
    if dns_capture and mode is Interception.NONE:
        raise ValueError("--dns-capture needs queries that are redirected, which --mode NONE has not; leave it out")
    shares_host = mode is Interception.NONE
    return BootstrapOptions(
        kind=ProxyKind.SIDECAR if sidecar else ProxyKind.GATEWAY,
        name=args.name,
        namespace=args.namespace,
        ip=args.ip or own_ip(args.xds_address),
        other_ips=tuple(args.other_ip),
        service_account=args.service_account,
        workload_name=args.workload_name,
        labels=_merge("--labels", [pair for pairs in args.labels for pair in pairs]),
        ports=ports,
        app_ports=app_ports,
        interception=mode,
        http_proxy_port=http_proxy_port,
        dns_capture=dns_capture,
        workload_group=args.workload_group,
        self_register=args.register,
        cluster_id=args.cluster_id,
        network=args.network,
        mesh_id=args.mesh_id,
        locality=args.locality,
        domain_suffix=args.domain_suffix,
        xds=args.xds_address,
        xds_tls=read_xds_tls(args),
        delta=args.delta,
        admin=_admin_address(args.admin_address, args.admin_port),
        status_port=_listener_port(args.status_port, None if shares_host else READINESS_PORT),
        stats_port=_listener_port(args.stats_port, None if shares_host else STATISTICS_PORT),
    )


def _check_mode(
    mode: Interception, *, ports: FrozenMap[str, int], app_ports: FrozenMap[str, int], http_proxy_port: int | None
) -> None:
    if mode is not Interception.NONE:
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


def _admin_address(text: str, port: int) -> Address:
    """Raises ValueError for a name: Envoy binds its admin interface to an IP address only."""
    if pipe := PipeAddress.parse(text):
        return pipe
    try:
        return SocketAddress(str(ip_address(text)), port)
    except ValueError:
        raise ValueError(
            f"--admin-address {text!r} is neither an IP address, such as 127.0.0.1, nor unix:/path"
        ) from None
