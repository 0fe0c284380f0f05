"""The flags of `pilot bootstrap`, and what their values may be."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from citadel.commands.options import parse_ttl
from galley.hosts.names import DEFAULT_DOMAIN
from pilot.dataplane.bootstrap import Address, PipeAddress, SocketAddress
from pilot.node.locality import Locality
from pilot.node.metadata import Interception, check_address
from pilot.node.node_id import NodeError
from pilot.node.ports import DNS_PORT, ENVOY_ADMIN_PORT, READINESS_PORT, STATISTICS_PORT, XDS_PORT

DEFAULT_XDS = f"127.0.0.1:{XDS_PORT}"
DEFAULT_ADMIN_HOST = "127.0.0.1"
DEFAULT_TOKEN_TTL = timedelta(days=365)
UNSPECIFIED = "0.0.0.0"
"""Stands in a node for the address that the control plane sees (see ``pilot.server.peers``)."""

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

  with the roots in a volume that the control plane keeps current, so that no rotation needs another bootstrap:
    pilot bootstrap sidecar --name reviews-1 --service-account reviews --xds-address pilot.example:15012 \\
      --root-cert-sds /etc/pilothouse/roots/root-cert.sds.json --token reviews.token --output envoy.yaml

  in a mesh with identities, as the service account that the token was made for:
    pilot bootstrap sidecar --name reviews-1 --service-account reviews --xds-address pilot.example:15012 \\
      --root-cert root-cert.pem --token reviews.token --output envoy.yaml

  for a container that starts later, on the machine of the authority:
    pilot bootstrap sidecar --name reviews-1 --service-account reviews --ip peer --xds-address pilot:15012 \\
      --citadel /var/lib/pilothouse --output envoy.yaml
"""

_GATEWAY_EXAMPLES = """\
examples:
  the gateway that Istio's samples select with "istio: ingressgateway":
    pilot bootstrap gateway --name ingress-1 --ip 10.0.0.2 --labels istio=ingressgateway --output gateway.yaml
"""


def add_bootstrap_flags(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],
) -> argparse.ArgumentParser:
    """Add `bootstrap sidecar` and `bootstrap gateway` to the subcommands of `pilot`; the parser of `bootstrap`.

    What it parses has ``command_parser``, by which a contradiction between flags is told like a wrong flag.
    """
    bootstrap = subparsers.add_parser(
        "bootstrap",
        help="write the bootstrap file of a sidecar or gateway Envoy",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for parser in add_kinds(bootstrap, {"sidecar": _SIDECAR_EXAMPLES, "gateway": _GATEWAY_EXAMPLES}):
        _add_minting_flags(parser)
        _add_root_file_flag(parser)
        _add_output_flags(parser)
    return bootstrap


def add_kinds(command: argparse.ArgumentParser, examples: Mapping[str, str]) -> list[argparse.ArgumentParser]:
    """Add `sidecar` and `gateway` to ``command``, with the flags that describe one Envoy, and ``examples`` for each."""
    kinds = command.add_subparsers(dest="bootstrap_kind", metavar="KIND", required=True)
    parsers = []
    for kind, summary in (
        ("sidecar", "an Envoy beside one workload"),
        ("gateway", "an Envoy at the edge, chosen by Gateway selectors"),
    ):
        parser = kinds.add_parser(
            kind, help=summary, epilog=examples[kind], formatter_class=argparse.RawDescriptionHelpFormatter
        )
        _add_identity_flags(parser)
        _add_workload_flags(parser, kind=kind)
        _add_connection_flags(parser)
        parser.set_defaults(command_parser=parser)
        parsers.append(parser)
    return parsers


def _add_identity_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("identity")
    group.add_argument("--name", required=True, type=_dns_name, help="this instance, unique in its namespace")
    group.add_argument("--namespace", default="default", type=_dns_label, help="default: %(default)s")
    group.add_argument("--service-account", default="default", metavar="NAME", help="default: %(default)s")
    group.add_argument("--workload-name", default="", metavar="NAME", help="what its replicas share; default: --name")
    group.add_argument(
        "--ip",
        type=_own_ip,
        metavar="IP|peer",
        help="its address, or `peer`: where the control plane sees its stream come from, for a container whose address "
        "is not known yet (default: the one from which this machine reaches --xds-address)",
    )
    group.add_argument(
        "--other-ip", action="append", default=[], type=_ip, help="a further address, such as its IPv6 one; repeatable"
    )
    group.add_argument(
        "--labels", action="append", default=[], type=_labels, metavar="K=V[,K=V]", help="workload labels; repeatable"
    )
    group.add_argument("--locality", default=Locality(), type=_locality, metavar="REGION[/ZONE[/SUBZONE]]")
    group.add_argument("--cluster-id", default="", metavar="ID")
    group.add_argument("--network", default="", metavar="NAME")
    group.add_argument("--mesh-id", default="", metavar="ID")
    group.add_argument(
        "--domain-suffix", type=_dns_name, default=DEFAULT_DOMAIN, metavar="DOMAIN", help="default: %(default)s"
    )


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
        group.add_argument("--mode", type=str.upper, choices=[mode.value for mode in Interception], default="REDIRECT")
        group.add_argument(
            "--http-proxy-port", type=_port, metavar="PORT", help="mode NONE: forward-proxy port for the application"
        )
        group.add_argument(
            "--dns-capture",
            action="store_true",
            help=f"answer the application's DNS queries on {DNS_PORT}, where `pilot redirect --redirect-dns` leads "
            "them, and give services without address an automatic one",
        )
    group.add_argument(
        "--status-port",
        type=_port_or_off,
        metavar="PORT",
        help=f"readiness listener, 0: none; default: {READINESS_PORT}, or none in mode NONE",
    )
    group.add_argument(
        "--stats-port",
        type=_port_or_off,
        metavar="PORT",
        help=f"Prometheus listener, 0: none; default: {STATISTICS_PORT}, or none in mode NONE",
    )


def _add_connection_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("control plane and admin")
    group.add_argument("--xds-address", default=DEFAULT_XDS, type=parse_xds_address, metavar="HOST:PORT|unix:PATH")
    group.add_argument(
        "--root-cert", type=Path, metavar="FILE", help="speak TLS, and trust a control plane that these roots verify"
    )
    group.add_argument(
        "--xds-san",
        action="append",
        default=[],
        metavar="NAME",
        help="DNS name or address in the control plane's certificate; repeatable (default: the host of --xds-address)",
    )
    group.add_argument(
        "--token",
        type=Path,
        metavar="FILE",
        help="the join token of `citadel token create`; the bootstrap holds it then, and is a secret, too",
    )
    protocol = group.add_mutually_exclusive_group()
    protocol.add_argument("--delta", dest="delta", action="store_true", default=True, help="incremental xDS (default)")
    protocol.add_argument("--sotw", dest="delta", action="store_false", help="state-of-the-world xDS")
    group.add_argument(
        "--admin-address", default=DEFAULT_ADMIN_HOST, metavar="IP|unix:PATH", help="default: %(default)s"
    )
    group.add_argument(
        "--admin-port", type=_port, default=ENVOY_ADMIN_PORT, metavar="PORT", help="default: %(default)s"
    )


def _add_minting_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "beside the authority", "On a machine that has the state directory of `citadel init`, in place of files:"
    )
    group.add_argument(
        "--citadel", type=Path, metavar="DIR", help="take the roots from there, and make a join token for this workload"
    )
    group.add_argument(
        "--token-ttl",
        type=parse_ttl,
        default=DEFAULT_TOKEN_TTL,
        metavar="DURATION",
        help="how long that token is good; Envoy shows it again at each reconnect (default: 365d)",
    )


def _add_root_file_flag(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "roots that follow a rotation", "In place of --root-cert, whose roots are written into the bootstrap for good:"
    )
    group.add_argument(
        "--root-cert-sds",
        default="",
        metavar="PATH",
        help="where Envoy will find the file root-cert.sds.json that `pilot serve --citadel` keeps in DIR/public (or "
        "--publish-roots): in a container the path inside, of a volume shared read-only; Envoy reads it again whenever "
        "it is replaced, and does not start without it",
    )


def _add_output_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o", dest="output_format", choices=("json", "yaml"), default="yaml", help="default: %(default)s"
    )
    group.add_argument("--output", type=Path, metavar="FILE", help="write there instead of to standard output")


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


def _own_ip(text: str) -> str:
    return UNSPECIFIED if text == "peer" else _ip(text)


def _ip(text: str) -> str:
    try:
        check_address(text)
    except NodeError as error:
        raise argparse.ArgumentTypeError(f"{error}, such as 10.0.0.7") from None
    return str(ip_address(text))


def _dns_name(text: str) -> str:
    if not text or len(text) > 253 or not all(c.isascii() and (c.isalnum() or c in "-.") for c in text):
        raise argparse.ArgumentTypeError(f"{text!r} may only hold letters, digits, '-' and '.'")
    return text


def _dns_label(text: str) -> str:
    """A namespace has no dot: in a node id it is what follows the last one (see ``pilot.node.node_id``)."""
    if "." in text:
        raise argparse.ArgumentTypeError(f"{text!r} may only hold letters, digits and '-'")
    return _dns_name(text)


def _locality(text: str) -> Locality:
    parts = text.split("/")
    if len(parts) > 3 or not all(parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not REGION, REGION/ZONE or REGION/ZONE/SUBZONE")
    return Locality(*parts)


def parse_xds_address(text: str) -> Address:
    """The value of a flag that says where a control plane is."""
    if pipe := PipeAddress.parse(text):
        return pipe
    host, separator, port = text.rpartition(":")
    if not separator or not host:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, such as {DEFAULT_XDS}, or unix:/path")
    return SocketAddress(host.removeprefix("[").removesuffix("]"), _port(port))
