"""The flags of `pilot redirect`: Istio's letters and names, and readable long forms."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pilot.node.ports import DNS_PORT, INBOUND_MARK
from pilot.redirect.options import (
    EVERYTHING,
    CaptureOptions,
    parse_ids,
    parse_interception,
    parse_interfaces,
    parse_networks,
    parse_number,
    parse_ports,
)

_DEFAULTS = CaptureOptions()
BACKENDS = ("auto", "iptables", "iptables-nft", "iptables-legacy", "nft")


def add_redirect_flags(parser: argparse.ArgumentParser) -> None:
    """Add all flags. Each ``dest`` is the name of a field of `CaptureOptions`, or of what the command itself reads."""
    _add_proxy_flags(parser.add_argument_group("the proxy"))
    _add_inbound_flags(parser.add_argument_group("inbound"))
    _add_outbound_flags(parser.add_argument_group("outbound"))
    _add_dns_flags(parser.add_argument_group("DNS"))
    _add_command_flags(parser.add_argument_group("what to do"))


class _Group:
    """Adds flags with their default in the help, and Istio's long name as a hidden second one."""

    def __init__(self, group: argparse._ArgumentGroup) -> None:
        self._group = group

    def add(self, *names: str, istio: str, dest: str, parse: Callable[[str], Any], metavar: str, text: str) -> None:
        default = getattr(_DEFAULTS, dest)
        self._group.add_argument(
            *names,
            dest=dest,
            type=_argument(parse),
            default=default,
            metavar=metavar,
            help=f"{text} (default: {_shown(default)})",
        )
        self._group.add_argument(
            istio, dest=dest, type=_argument(parse), default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )


def _add_proxy_flags(group: argparse._ArgumentGroup) -> None:
    add = _Group(group).add
    add("-p", "--outbound-port", istio="--envoy-port", dest="outbound_port", parse=_port, metavar="PORT",
        text="where the proxy takes outbound connections")  # fmt: skip
    add("-z", "--inbound-port", istio="--inbound-capture-port", dest="inbound_port", parse=_port, metavar="PORT",
        text="where it takes inbound connections")  # fmt: skip
    add("-e", "--tunnel-port", istio="--inbound-tunnel-port", dest="tunnel_port", parse=_port, metavar="PORT",
        text="where it takes tunnels; never captured")  # fmt: skip
    add("-u", "--proxy-uids", istio="--proxy-uid", dest="proxy_uids", parse=parse_ids, metavar="UID[,UID]",
        text="users it runs as, whose own connections are left alone")  # fmt: skip
    add("-g", "--proxy-gids", istio="--proxy-gid", dest="proxy_gids", parse=parse_ids, metavar="GID[,GID]",
        text="groups it runs as")  # fmt: skip


def _add_inbound_flags(group: argparse._ArgumentGroup) -> None:
    add = _Group(group).add
    add("-m", "--mode", istio="--istio-inbound-interception-mode", dest="interception", parse=parse_interception,
        metavar="REDIRECT|TPROXY", text="TPROXY keeps the client's address")  # fmt: skip
    add("-b", "--include-inbound-ports", istio="--istio-inbound-ports", dest="inbound_ports",
        parse=_everything_or(parse_ports), metavar="PORTS", text='captured ports, * for all, "" for none')  # fmt: skip
    add("-d", "--exclude-inbound-ports", istio="--istio-local-exclude-ports", dest="exclude_inbound_ports",
        parse=parse_ports, metavar="PORTS", text="ports left alone")  # fmt: skip
    add("-t", "--tproxy-mark", istio="--istio-inbound-tproxy-mark", dest="inbound_mark", parse=_mark, metavar="MARK",
        text=f"TPROXY: mark of packets to and from the proxy; the plans of sidecars have {INBOUND_MARK}")  # fmt: skip
    add("-r", "--tproxy-route-table", istio="--istio-inbound-tproxy-route-table", dest="route_table", parse=_table,
        metavar="TABLE", text="TPROXY: routing table of marked packets")  # fmt: skip


def _add_outbound_flags(group: argparse._ArgumentGroup) -> None:
    add = _Group(group).add
    add("-i", "--include-outbound-cidrs", istio="--istio-service-cidr", dest="outbound_networks",
        parse=_everything_or(parse_networks), metavar="CIDRS",
        text='captured destinations, * for all, "" for none')  # fmt: skip
    add("-x", "--exclude-outbound-cidrs", istio="--istio-service-exclude-cidr", dest="exclude_outbound_networks",
        parse=parse_networks, metavar="CIDRS", text="destinations left alone")  # fmt: skip
    add("-q", "--include-outbound-ports", istio="--istio-outbound-ports", dest="outbound_ports", parse=parse_ports,
        metavar="PORTS", text="ports captured whatever the destination")  # fmt: skip
    add("-o", "--exclude-outbound-ports", istio="--istio-local-outbound-ports-exclude", dest="exclude_outbound_ports",
        parse=parse_ports, metavar="PORTS", text="ports left alone")  # fmt: skip
    add("-k", "--virtual-interfaces", istio="--kube-virt-interfaces", dest="virtual_interfaces",
        parse=parse_interfaces, metavar="NAMES", text="interfaces whose inbound traffic is outbound")  # fmt: skip
    add("-c", "--exclude-interfaces", istio="--istio-exclude-interfaces", dest="exclude_interfaces",
        parse=parse_interfaces, metavar="NAMES", text="interfaces left alone, both ways")  # fmt: skip
    add("--include-owner-groups", istio="--istio-outbound-owner-groups", dest="owner_groups",
        parse=_everything_or(parse_ids), metavar="GIDS", text="groups whose connections are captured")  # fmt: skip
    add("--exclude-owner-groups", istio="--istio-outbound-owner-groups-exclude", dest="exclude_owner_groups",
        parse=parse_ids, metavar="GIDS", text="groups whose connections are left alone")  # fmt: skip


def _add_dns_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--redirect-dns",
        action="store_true",
        help="capture queries to the resolvers of resolv.conf (for sidecars with --dns-capture in their bootstrap)",
    )
    group.add_argument("--capture-all-dns", action="store_true", help="capture queries to any resolver")
    group.add_argument(
        "--dns-port",
        type=_argument(_port),
        default=DNS_PORT,
        metavar="PORT",
        help="who answers them (default: %(default)s)",
    )
    group.add_argument(
        "--dns-tcp",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="queries over TCP too, which Istio's agent answers and a stock Envoy does not",
    )


def _add_command_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-n", "--dry-run", action="store_true", help="print what would be written, as a shell script")
    group.add_argument(
        "--clean-up", "--cleanup-only", action="store_true", help="remove the capture (--cleanup-only in Istio)"
    )
    group.add_argument(
        "--hold",
        action="store_true",
        help="then stay until SIGTERM, without privileges: in the container that holds a network namespace for others",
    )
    group.add_argument(
        "--ready-file", type=Path, metavar="FILE", help="with --hold: a file that is there when the rules are in force"
    )
    group.add_argument("--ipv6", choices=("auto", "on", "off"), default="auto",
                       help="capture IPv6 too (default: where an interface has a global address)")  # fmt: skip
    group.add_argument("--backend", choices=BACKENDS, default="auto",
                       help="who writes the rules (default: iptables, or nft where that is missing)")  # fmt: skip
    group.add_argument("--drop-invalid", action="store_true",
                       help="drop packets that belong to no connection, instead of resetting it")  # fmt: skip


def _argument(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def _everything_or(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: EVERYTHING if text.strip() == EVERYTHING else parse(text)


def _port(text: str) -> int:
    return parse_number(text, 1, 65535, "port")


def _mark(text: str) -> int:
    mark = parse_number(text, 1, 2**32 - 1, "mark")
    if mark == _DEFAULTS.outbound_mark:
        raise ValueError(f"{mark} marks what the outbound proxy sends to its own workload; choose another mark")
    return mark


def _table(text: str) -> int:
    return parse_number(text, 1, 2**31 - 1, "routing table")


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return ",".join(map(str, default)) or "none"
    return str(default)
