"""`pilot redirect`: capture a workload's traffic, so that it passes through its sidecar without the workload's help."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

from pilot.node.metadata import Interception
from pilot.node.ports import AGENT_PORT, PROXY_UID, READINESS_PORT, STATISTICS_PORT, TUNNEL_PORT
from pilot.redirect.apply import Backend, apply_capture, choose_backend, remove_capture, render_script
from pilot.redirect.flags import add_redirect_flags
from pilot.redirect.hold import hold, prepare_hold
from pilot.redirect.options import EVERYTHING, CaptureOptions, DnsCapture
from pilot.redirect.ruleset import Family
from pilot.redirect.system import RedirectError, check_privilege, find_tool, has_ipv6, nameservers, read_if_inet6
from pilot.registry.auto_addresses import IPV4_RANGE, IPV6_RANGE

RESOLV_CONF = Path("/etc/resolv.conf")

_EXAMPLES = f"""\
examples:
  everything in and out, to an Envoy that runs as user {PROXY_UID}:
    pilot redirect
  the same, the application seeing its clients' own addresses (Envoy needs CAP_NET_ADMIN then):
    pilot redirect --mode TPROXY
  two inbound ports; outbound all but the database and the cloud's metadata server:
    pilot redirect -b 8080,9090 -o 5432 -x 169.254.169.254/32
  names of the mesh too, for a sidecar whose bootstrap says --dns-capture:
    pilot redirect --redirect-dns
  see the rules, needing no privilege:
    pilot redirect --dry-run --ipv6 off
  in the container that holds the network namespace of application and sidecar:
    pilot redirect --hold --ready-file /run/captured
  let all traffic go its own way again:
    pilot redirect --clean-up

Run it in the network namespace of the workload, as root or with CAP_NET_ADMIN. A second run changes nothing.
Ports {TUNNEL_PORT}, {AGENT_PORT}, {READINESS_PORT} and {STATISTICS_PORT} are never captured inbound.
The application must not run as user {PROXY_UID}.
Where IPv4 and IPv6 are both captured, tell the sidecar both addresses: pilot bootstrap sidecar --ip … --other-ip …
exit status: 0 done or nothing to do, 1 it could not be done, 2 wrong usage
"""


def add_redirect_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``pilot redirect`` to the command."""
    parser = subparsers.add_parser(
        "redirect",
        help="write the packet filter rules that lead traffic through a sidecar",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_redirect_flags(parser)
    parser.set_defaults(run=run_redirect)


def run_redirect(args: argparse.Namespace) -> int:
    """Run ``pilot redirect``; the result is its exit status."""
    if args.hold and (args.dry_run or args.clean_up):
        print("pilot redirect: --hold is for written rules, not for --dry-run or --clean-up", file=sys.stderr)
        return 2
    if args.ready_file and not args.hold:
        print("pilot redirect: --ready-file goes with --hold", file=sys.stderr)
        return 2
    try:
        options = capture_options(args, _read_nameservers)
        if args.hold:
            return _capture_and_hold(args, options)
        return _clean_up(args, options) if args.clean_up else _capture(args, options)
    except (RedirectError, OSError) as error:
        print(f"pilot redirect: {error}", file=sys.stderr)
        return 1


def capture_options(args: argparse.Namespace, read_nameservers: Callable[[], tuple[str, ...]]) -> CaptureOptions:
    """What the flags ask for. Raises RedirectError when DNS is to be captured and no resolver is known."""
    values: dict[str, Any] = {one.name: getattr(args, one.name) for one in fields(CaptureOptions) if one.name in args}
    options = CaptureOptions(**values)
    if not (args.redirect_dns or args.capture_all_dns) or 53 in options.exclude_outbound_ports:
        return options
    servers = read_nameservers()
    if not servers and not args.capture_all_dns:
        raise RedirectError(f"{RESOLV_CONF} names no resolver whose queries could be captured; use --capture-all-dns")
    return replace(
        options,
        dns=DnsCapture(
            servers="*" if args.capture_all_dns else servers,
            port=args.dns_port,
            tcp=args.dns_tcp,
            # A resolver on loopback (Docker's, systemd's) is reached by further translations, which lose the zone.
            split_zones=not any(ip_address(server).is_loopback for server in servers),
        ),
    )


def _read_nameservers() -> tuple[str, ...]:
    try:
        return nameservers(RESOLV_CONF.read_text())
    except OSError:
        return ()


def _families(args: argparse.Namespace) -> tuple[Family, ...]:
    wanted = args.ipv6 == "on" or (args.ipv6 == "auto" and has_ipv6(read_if_inet6()))
    return (Family.IPV4, Family.IPV6) if wanted else (Family.IPV4,)


def _capture(args: argparse.Namespace, options: CaptureOptions) -> int:
    families = _families(args)
    if args.dry_run:
        backend = Backend(args.backend) if args.backend != "auto" else Backend.IPTABLES
        print(render_script(options, families, backend), end="")
        return 0
    check_privilege()
    backend = Backend(args.backend) if args.backend != "auto" else choose_backend()
    changes = apply_capture(options, families, backend)
    _tell(changes, f"traffic is captured already ({_summary(options, families, backend)}): nothing changed")
    if changes:
        print(f"capturing {_summary(options, families, backend)}")
        _warn_of_tproxy(options)
        print("".join(f"{line}\n" for line in dns_advice(options)), end="")
    return 0


def _capture_and_hold(args: argparse.Namespace, options: CaptureOptions) -> int:
    prepare_hold(args.ready_file)
    status = _capture(args, options)
    if status == 0:
        sys.stdout.flush()
        hold(args.ready_file)
    return status


def _clean_up(args: argparse.Namespace, options: CaptureOptions) -> int:
    families = tuple(Family) if args.ipv6 == "auto" else _families(args)
    backends = (Backend.IPTABLES, Backend.NFT) if args.backend == "auto" else (Backend(args.backend),)
    if args.dry_run:
        print("would remove the chains ISTIO_* of iptables, the nft tables istio-proxy-*, and their routing")
        return 0
    check_privilege()
    if args.backend == "auto":
        choose_backend()
    changes: list[str] = []
    for backend in backends:
        if args.backend != "auto" or find_tool("nft" if backend is Backend.NFT else f"{backend}-save"):
            changes += remove_capture(options, families, backend)
    _tell(tuple(changes), "no traffic is captured: nothing changed")
    return 0


def _tell(changes: tuple[str, ...], otherwise: str) -> None:
    print("\n".join(changes) or otherwise)


def _summary(options: CaptureOptions, families: tuple[Family, ...], backend: Backend) -> str:
    names = " and ".join("IPv4" if family is Family.IPV4 else "IPv6" for family in families)
    return (
        f"{names} by {backend}: inbound to port {options.inbound_port} ({options.interception}), "
        f"outbound to port {options.outbound_port}" + (f", DNS to port {options.dns.port}" if options.dns else "")
    )


def dns_advice(options: CaptureOptions) -> tuple[str, ...]:
    """What else is needed where DNS is captured, a sentence each."""
    if options.dns is None:
        return ()
    advice = [f"the proxy needs a bootstrap with --dns-capture, to answer on port {options.dns.port}"]
    if options.dns.servers == EVERYTHING and not options.dns.split_zones:
        advice.append(
            "the resolver on loopback asks other servers itself, and is led in a circle: use --redirect-dns instead of "
            "--capture-all-dns"
        )
    left_out = [text for text in (IPV4_RANGE, IPV6_RANGE) if not _is_captured(ip_network(text), options)]
    if left_out:
        advice.append(
            f"automatic addresses of services are not captured: add {','.join(left_out)} to --include-outbound-cidrs"
        )
    return tuple(advice)


def _is_captured(wanted: IPv4Network | IPv6Network, options: CaptureOptions) -> bool:
    def within(network: IPv4Network | IPv6Network) -> bool:
        return network.version == wanted.version and wanted.subnet_of(network)  # type: ignore[arg-type]

    networks = options.outbound_networks
    included = isinstance(networks, str) or any(map(within, networks))
    return included and not any(map(within, options.exclude_outbound_networks))


def _warn_of_tproxy(options: CaptureOptions) -> None:
    if options.interception is Interception.TPROXY:
        print("the proxy needs CAP_NET_ADMIN, and a bootstrap of mode TPROXY")
