"""`citadel issue`: a certificate for a workload, by hand."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

from citadel.ca.cacerts import load_cacerts
from citadel.ca.issuance import IssuanceRequest, IssuedCertificate, Issuer, Profile, issue, issue_svid
from citadel.ca.keystore import Keystore, trust_domain_of
from citadel.ca.roots import build_issuer
from citadel.commands.options import (
    OK,
    Subparsers,
    add_identity_options,
    add_output_option,
    add_parser,
    add_state_option,
    add_trust_domain_option,
    parse_ttl,
    print_result,
    read_identity,
)
from citadel.identity import SpiffeId, Svid
from citadel.refusal import Refusal
from citadel.state_files import StateError
from galley.atomic_write import PUBLIC, write_atomically

_EXAMPLES = """\
examples:
  citadel issue --state /var/lib/pilothouse --namespace default --service-account reviews --out reviews/
  citadel issue --state /var/lib/pilothouse --namespace default --service-account reviews --csr reviews.csr --out .
  citadel inspect reviews/cert-chain.pem

The directory gets cert-chain.pem, root-cert.pem and, unless --csr brings a key's public half, key.pem (0600).

exit status: 0 issued, 1 refused or failed, 2 wrong usage
"""


def add_issue_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``citadel issue`` to the command."""
    parser = add_parser(
        subparsers,
        "issue",
        summary="issue a certificate to a workload",
        description="Issue a certificate for a service account; whoever may run this may be anybody.",
        examples=_EXAMPLES,
    )
    add_state_option(parser)
    add_identity_options(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write the files")
    parser.add_argument(
        "--ttl", type=parse_ttl, default=timedelta(0), metavar="DURATION", help="lifetime (default: 24h; at most 90d)"
    )
    parser.add_argument("--csr", type=Path, metavar="FILE", help="sign the key of this request, make none")
    parser.add_argument("--cacerts", type=Path, metavar="DIR", help="sign with the plugged-in authority in DIR")
    add_trust_domain_option(parser)
    add_output_option(parser)
    parser.set_defaults(run=run_issue)


def run_issue(options: argparse.Namespace) -> int:
    """Run ``citadel issue``; the result is its exit status."""
    issuer = _open_issuer(options)
    identity = read_identity(issuer.bundle.trust_domain, options)
    issued = _issue(options, issuer, identity)
    if isinstance(issued, Refusal):
        raise StateError(f"refused: {issued.reason}")
    files = {"cert-chain.pem": b"".join(issued.chain), "root-cert.pem": issuer.bundle.pem}
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        if isinstance(issued, Svid):
            write_atomically(options.out / "key.pem", issued.private_key.reveal())
        for name, content in files.items():
            write_atomically(options.out / name, content, mode=PUBLIC)
    except OSError as failure:
        raise StateError(f"cannot write to {options.out}: {failure.strerror}") from failure
    until = f"{issued.not_after:%Y-%m-%dT%H:%M:%SZ}"
    text = f"wrote the certificate of {identity} to {options.out}, valid until {until}"
    print_result(options, text, {"identity": str(identity), "notAfter": until, "directory": str(options.out)})
    return OK


def _open_issuer(options: argparse.Namespace) -> Issuer:
    if options.cacerts is None:
        trust_domain_of(options.state, options.trust_domain)
        return build_issuer(Keystore(options.state).load())
    return load_cacerts(options.cacerts, trust_domain_of(options.state, options.trust_domain))


def _issue(options: argparse.Namespace, issuer: Issuer, identity: SpiffeId) -> Svid | IssuedCertificate | Refusal:
    now, profile = datetime.now(UTC), Profile(issuer.bundle.trust_domain)
    if options.csr is None:
        return issue_svid(issuer, profile, identity, now, ttl=options.ttl)
    try:
        csr = options.csr.read_bytes()
    except OSError as failure:
        raise StateError(f"cannot read {options.csr}: {failure.strerror}") from failure
    return issue(issuer, profile, IssuanceRequest(identity, csr, options.ttl), now)
