"""What `pilot bootstrap --citadel` takes from the authority on its own machine: the roots, and a join token.

Imported only where somebody asks for it: no agent and no bootstrap from files needs an authority.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from citadel.ca.keystore import DIRECTORY, ROOTS_FILE, trust_domain_of
from citadel.identity import SpiffeId
from citadel.state_files import StateError
from citadel.tokens.minting import mint_join_token


def roots_file_of(state: Path) -> Path:
    """The file of the trusted roots (PEM) of the authority in the state directory ``state``."""
    return state / DIRECTORY / ROOTS_FILE


def mint_token(state: Path, *, namespace: str, service_account: str, ttl: timedelta) -> str:
    """A join token for the workloads of one service account, good for ``ttl`` and more than once.

    ValueError, with a sentence for the user, when there is no authority in ``state`` that could sign it.
    """
    try:
        identity = SpiffeId(trust_domain_of(state, None), namespace, service_account)
        return mint_join_token(state, identity, ttl=ttl, one_time=False, now=datetime.now(UTC))[1].reveal()
    except (StateError, OSError) as error:
        raise ValueError(f"--citadel: {error}") from error
