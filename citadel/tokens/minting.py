"""Make a join token with the key in a state directory."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from pathlib import Path

from citadel.identity import BearerToken, SpiffeId
from citadel.state_files import StateError
from citadel.tokens.join_token import JoinToken, sign_join_token
from citadel.tokens.keystore import open_token_keys


def mint_join_token(
    state: Path, identity: SpiffeId, *, ttl: timedelta, one_time: bool, now: datetime
) -> tuple[JoinToken, BearerToken]:
    """A token that proves ``identity`` until ``ttl`` from ``now``. StateError when it cannot be made."""
    token = JoinToken(identity, secrets.token_hex(16), now, now + ttl, one_time)
    try:
        return token, sign_join_token(token, open_token_keys(state).private_key)
    except ValueError as mistake:
        raise StateError(str(mistake)) from None
