"""`citadel token create`: a token with which a workload joins the mesh."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

from citadel.ca.keystore import trust_domain_of
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
from citadel.state_files import StateError
from citadel.tokens.minting import mint_join_token
from galley.atomic_write import write_atomically

_EXAMPLES = """\
examples:
  citadel token create --state /var/lib/pilothouse --namespace default --service-account reviews --out reviews.token
  citadel token create --state /var/lib/pilothouse --namespace default --service-account reviews --ttl 10m --once

A token is a secret: whoever holds it is that workload until it expires. --once suits proxies with pilot agent, which
renew by certificate after the first use. An Envoy without one shows its token again whenever it reconnects: leave
--once out and let the token live as long as the Envoy.

exit status: 0 the token was made, 1 it was not, 2 wrong usage
"""


def add_token_parser(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add ``citadel token`` to the command."""
    parser = subparsers.add_parser("token", help="make join tokens", description="Make tokens to join the mesh with.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    create = add_parser(
        commands,
        "create",
        summary="print a token for a workload",
        description="Print a token by which a proxy proves to be a workload of a service account.",
        examples=_EXAMPLES,
    )
    add_state_option(create)
    add_identity_options(create)
    create.add_argument(
        "--ttl", type=parse_ttl, default=timedelta(hours=1), metavar="DURATION", help="its lifetime (default: 1h)"
    )
    create.add_argument("--once", action="store_true", help="it can be used a single time")
    create.add_argument("--out", type=Path, metavar="FILE", help="write it to a file (0600), print nothing of it")
    add_trust_domain_option(create)
    add_output_option(create)
    create.set_defaults(run=run_token_create)


def run_token_create(options: argparse.Namespace) -> int:
    """Run ``citadel token create``; the result is its exit status."""
    now = datetime.now(UTC)
    identity = read_identity(trust_domain_of(options.state, options.trust_domain), options)
    token, bearer = mint_join_token(options.state, identity, ttl=options.ttl, one_time=options.once, now=now)
    result = {
        "identity": str(identity),
        "id": token.token_id,
        "expiresAt": f"{token.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        "once": token.one_time,
    }
    if options.out is None:
        print_result(options, bearer.reveal(), {**result, "token": bearer.reveal()})
        return OK
    try:
        write_atomically(options.out, bearer.reveal().encode())
    except OSError as failure:
        raise StateError(f"cannot write {options.out}: {failure.strerror}") from failure
    text = f"wrote a token for {identity} to {options.out}, valid until {result['expiresAt']}"
    print_result(options, text, {**result, "file": str(options.out)})
    return OK
