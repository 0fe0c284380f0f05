"""A minted token is one that the same state directory verifies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from citadel.identity import SpiffeId, TrustDomain
from citadel.state_files import StateError
from citadel.tokens.join_token import verify_join_token
from citadel.tokens.keystore import open_token_keys
from citadel.tokens.minting import mint_join_token

DOMAIN = TrustDomain("cluster.local")
REVIEWS = SpiffeId(DOMAIN, "default", "reviews")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_it_says_what_was_asked_for(tmp_path: Path) -> None:
    token, bearer = mint_join_token(tmp_path, REVIEWS, ttl=timedelta(hours=1), one_time=True, now=NOW)
    read = verify_join_token(bearer, open_token_keys(tmp_path).public_key, DOMAIN, NOW)
    assert read == token
    assert (read.identity, read.expires_at, read.one_time) == (REVIEWS, NOW + timedelta(hours=1), True)


def test_no_two_are_the_same(tmp_path: Path) -> None:
    made = [mint_join_token(tmp_path, REVIEWS, ttl=timedelta(hours=1), one_time=False, now=NOW)[0] for _ in range(3)]
    assert len({token.token_id for token in made}) == 3


def test_a_life_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="366 days"):
        mint_join_token(tmp_path, REVIEWS, ttl=timedelta(days=900), one_time=False, now=NOW)
