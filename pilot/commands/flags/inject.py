"""The flags of `pilot inject`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pilot.inject.capture_flags import TRAFFIC_ANNOTATIONS, capture_flags
from pilot.inject.options import InjectOptions, SidecarKind
from pilot.node.ports import XDS_TLS_PORT
from pilot.redirect.options import REDIRECTED

_DESCRIPTION = """\
Add a sidecar to every service of a compose file, or to every pod of Kubernetes manifests. The application's own
settings stay as they are, and so do comments, order and quotes. Running it on its own output changes nothing; running
it again after an edit, or with other flags, brings what it made up to date.
"""

_EXAMPLES = """\
examples:
  a compose file, its rules beside it:
    pilot inject -f docker-compose.yml --rules rules -o docker-compose.mesh.yml
    docker compose -f docker-compose.mesh.yml up
  the control plane finds services by itself, from Docker:
    pilot inject -f docker-compose.yml --docker -o docker-compose.mesh.yml
  keys that never leave the sidecar, which drains before it stops; two ports left alone:
    pilot inject -f docker-compose.yml --sidecar agent --exclude-outbound-ports 25,587
  only services with the label sidecar.istio.io/inject: "true":
    pilot inject -f docker-compose.yml --no-inject-by-default
  what would change; whether anything would:
    pilot inject -f docker-compose.mesh.yml --diff
    pilot inject -f docker-compose.mesh.yml --check
  Kubernetes, like istioctl kube-inject:
    kubectl create deployment web --image=web -o yaml --dry-run=client | pilot inject -f - | kubectl apply -f -

labels (compose) and annotations or labels (Kubernetes):
  sidecar.istio.io/inject: "false"                      no sidecar
  sidecar.istio.io/interceptionMode: TPROXY             the application sees its clients' addresses
  traffic.sidecar.istio.io/excludeInboundPorts: "9000"  and Istio's other traffic annotations
  pilothouse.io/ports: "http=9080,tcp-db=5432"          compose: what is served, by name, whose prefix is the protocol
  pilothouse.io/service-account, pilothouse.io/namespace, pilothouse.io/service    compose: identity and name

exit status: 0 done, 1 it could not be done or --check found a difference, 2 wrong usage
"""


def add_inject_flags(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add the subcommand and its flags."""
    parser = subparsers.add_parser(
        "inject",
        help="add sidecars to a compose file or Kubernetes manifests",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(capture={})
    _add_input_flags(parser)
    _add_sidecar_flags(parser.add_argument_group("sidecars"))
    _add_capture_flags(parser.add_argument_group("what is captured, where a service does not say it itself"))
    _add_compose_flags(parser.add_argument_group("compose files"))
    _add_kubernetes_flags(parser.add_argument_group("Kubernetes manifests"))
    return parser


def _add_input_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f", "--filename", dest="file", required=True, metavar="FILE", help="what to inject; - reads standard input"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there instead of to standard output")
    parser.add_argument(
        "--kind",
        choices=("auto", "compose", "kubernetes"),
        default="auto",
        help="what the input is (default: compose if it has `services`, else Kubernetes)",
    )
    parser.add_argument("--diff", action="store_true", help="show what would change, and write nothing")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if anything would change")


def _add_sidecar_flags(group: argparse._ArgumentGroup) -> None:
    defaults = InjectOptions()
    group.add_argument("--image", default=defaults.image, help="control plane and redirect step (default: %(default)s)")
    group.add_argument("--proxy-image", default=defaults.proxy_image, help="stock sidecars (default: %(default)s)")
    group.add_argument("--agent-image", default=defaults.agent_image, help="agent sidecars (default: %(default)s)")
    group.add_argument(
        "--sidecar",
        choices=[kind.value for kind in SidecarKind],
        default=defaults.sidecar.value,
        help="compose: an unchanged Envoy, or an agent that makes its own key and drains (default: %(default)s; "
        "Kubernetes: always the agent)",
    )
    group.add_argument(
        "--mode",
        type=str.upper,
        choices=[one.value for one in REDIRECTED],
        default=defaults.interception.value,
        help="inbound capture (default: %(default)s)",
    )
    group.add_argument(
        "--dns-capture",
        action="store_true",
        help="the sidecar answers DNS, so that every service has an address of its own",
    )
    group.add_argument(
        "--inject-by-default",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="inject what has no label sidecar.istio.io/inject",
    )


class _Capture(argparse.Action):
    """Collects a traffic annotation in ``capture``, once it is known to be one."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        given = {self.dest: str(values)}
        try:
            capture_flags({}, given)
        except ValueError as error:
            parser.error(f"argument {option_string}: {error}")
        namespace.capture = {**namespace.capture, **given}


def _add_capture_flags(group: argparse._ArgumentGroup) -> None:
    for annotation in TRAFFIC_ANNOTATIONS:
        flag = "--" + "".join(f"-{c.lower()}" if c.isupper() else c for c in annotation.replace("IP", "Ip"))
        group.add_argument(
            flag,
            dest=annotation,
            action=_Capture,
            default=argparse.SUPPRESS,
            metavar="LIST",
            help=f"as the annotation {annotation}",
        )


def _add_compose_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--rules",
        type=Path,
        metavar="DIR",
        help="the rules that the control plane watches; services.yaml is written there",
    )
    group.add_argument("--docker", action="store_true", help="the control plane finds services from Docker's events")


def _add_kubernetes_flags(group: argparse._ArgumentGroup) -> None:
    defaults = InjectOptions()
    group.add_argument(
        "--xds-address", metavar="HOST:PORT", help=f"pilot serve --xds-mtls-address (default: {defaults.xds_address})"
    )
    group.add_argument(
        "--ca-address",
        metavar="HOST:PORT",
        help=f"pilot serve --xds-address, which takes tokens (default: the same host, port {XDS_TLS_PORT})",
    )
    group.add_argument(
        "--root-cert-configmap",
        default=defaults.root_config_map,
        metavar="NAME",
        help="ConfigMap with the key root-cert.pem in the pod's namespace (default: %(default)s)",
    )
    group.add_argument(
        "--native-sidecar",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="an init container that stays, so that jobs end and applications find their proxy ready "
        "(Kubernetes 1.29 and later)",
    )
