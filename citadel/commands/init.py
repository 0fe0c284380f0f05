"""`citadel init`: makes the certificate authority of a mesh."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from citadel.ca.keystore import Keystore
from citadel.commands.options import (
    OK,
    Subparsers,
    add_output_option,
    add_parser,
    add_state_option,
    parse_trust_domain,
    print_result,
)
from citadel.identity import TrustDomain
from citadel.tokens.keystore import open_token_keys
from citadel.x509 import decode_certificates
from galley.kinds.mesh_config import DEFAULT_TRUST_DOMAIN

_DEFAULT = TrustDomain(DEFAULT_TRUST_DOMAIN)
_EXAMPLES = """\
examples:
  citadel init --state /var/lib/pilothouse
  citadel init --state /var/lib/pilothouse --trust-domain example.org -o json

pilot serve does the same on its first start. An authority that is there already is left alone.

exit status: 0 there is an authority, 1 it cannot be made or used, 2 wrong usage
"""


def add_init_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``citadel init`` to the command."""
    parser = add_parser(
        subparsers,
        "init",
        summary="make the certificate authority of a mesh",
        description="Make a root, an intermediate and the key that signs join tokens, unless they are there.",
        examples=_EXAMPLES,
    )
    add_state_option(parser)
    parser.add_argument(
        "--trust-domain",
        type=parse_trust_domain,
        default=_DEFAULT,
        metavar="DOMAIN",
        help=f"the mesh's trust domain (default: {_DEFAULT})",
    )
    add_output_option(parser)
    parser.set_defaults(run=run_init)


def run_init(options: argparse.Namespace) -> int:
    """Run ``citadel init``; the result is its exit status."""
    keystore = Keystore(options.state)
    is_new = not keystore.exists()
    state = keystore.open(options.trust_domain, datetime.now(UTC))
    open_token_keys(options.state)
    (root,) = decode_certificates(state.active.root)
    verb = "made" if is_new else "there is already"
    print_result(
        options,
        f"{verb} the authority of {state.trust_domain} in {keystore.directory}, root valid until"
        f" {root.not_after:%Y-%m-%d}\nkeep a backup of that directory: whoever has it can be anybody, and without it"
        " every proxy must join anew",
        {
            "created": is_new,
            "directory": str(keystore.directory),
            "trustDomain": state.trust_domain.name,
            "rootSha256": root.fingerprint,
            "rootNotAfter": f"{root.not_after:%Y-%m-%dT%H:%M:%SZ}",
        },
    )
    return OK
