"""The flags of `pilot serve` that say how proxies prove who they are."""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path

from citadel.commands.options import parse_trust_domain, parse_ttl
from pilot.settings import AddressError, IdentitySettings, ListenAddress, parse_address


def add_identity_flags(parser: argparse.ArgumentParser) -> None:
    """Add them as a group of their own."""
    group = parser.add_argument_group(
        "identity",
        "With --citadel the xDS port speaks TLS, each proxy must prove who it is by a token, and gets its certificate "
        "from here.",
    )
    group.add_argument("--citadel", type=Path, metavar="DIR", help="the state directory of citadel init")
    _add_port_flags(group)
    _add_authority_flags(group)


def _add_port_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--xds-san",
        action="append",
        default=[],
        metavar="NAME",
        help="DNS name or address in the certificate of the xDS port; repeatable (default: the host listened on)",
    )
    group.add_argument(
        "--xds-mtls-address",
        type=listen_address,
        metavar="HOST:PORT",
        help="a second xDS port, for proxies that show a certificate of the mesh in place of a token",
    )
    group.add_argument(
        "--plaintext-address",
        type=listen_address,
        metavar="HOST:PORT",
        help="a further xDS port without TLS, on loopback; whoever connects there gets no certificate",
    )


def _add_authority_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--cacerts", type=Path, metavar="DIR", help="sign with the plugged-in authority in DIR, in Istio's layout"
    )
    group.add_argument(
        "--trust-domain",
        type=parse_trust_domain,
        metavar="DOMAIN",
        help="of a new or plugged-in authority (default: cluster.local)",
    )
    group.add_argument(
        "--certificate-ttl",
        type=parse_ttl,
        default=timedelta(0),
        metavar="DURATION",
        help="lifetime of workload certificates (default: 24h; at most 90d)",
    )
    group.add_argument(
        "--publish-roots",
        type=Path,
        metavar="PUBLIC",
        help="keep the roots, without any key, in this directory that others may read (default: DIR/public)",
    )
    group.add_argument(
        "--oidc",
        action="append",
        default=[],
        type=_oidc_issuer,
        metavar="ISSUER=FILE",
        help="believe the tokens of this issuer, by the JWKS document in FILE; repeatable",
    )


def read_identity_settings(args: argparse.Namespace) -> IdentitySettings | None:
    """What the flags say; None without --citadel."""
    if args.citadel is None:
        return None
    return IdentitySettings(
        citadel=args.citadel,
        mtls_address=args.xds_mtls_address,
        plaintext_address=args.plaintext_address,
        server_names=tuple(args.xds_san),
        cacerts=args.cacerts,
        trust_domain=str(args.trust_domain or ""),
        certificate_ttl=args.certificate_ttl.total_seconds(),
        oidc_issuers=tuple(args.oidc),
        published_roots=args.publish_roots,
    )


def listen_address(text: str) -> ListenAddress:
    """An argument of the form HOST:PORT."""
    try:
        return parse_address(text)
    except AddressError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _oidc_issuer(text: str) -> tuple[str, Path]:
    issuer, separator, file = text.partition("=")
    if not issuer or not separator or not file:
        raise argparse.ArgumentTypeError(f"{text!r} is not ISSUER=FILE")
    return issuer, Path(file)
