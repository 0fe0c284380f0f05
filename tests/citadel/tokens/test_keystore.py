from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from citadel.state_files import StateError
from citadel.tokens.join_token import JoinToken, sign_join_token, verify_join_token
from citadel.tokens.keystore import KEY_FILE, open_ledger, open_token_keys
from tests.citadel.pki import DOMAIN, NOW, REVIEWS, Party, ec_key, rsa_key
from tests.crash import kill_at_each_step

TOKEN = JoinToken(REVIEWS, "token", NOW, NOW + timedelta(hours=1))


def key_file(state: Path) -> Path:
    return state / "citadel" / KEY_FILE


def test_the_key_is_made_once_and_kept(tmp_path: Path) -> None:
    keys = open_token_keys(tmp_path / "state")
    assert verify_join_token(sign_join_token(TOKEN, keys.private_key), keys.public_key, DOMAIN, NOW) == TOKEN
    assert open_token_keys(tmp_path / "state") == keys
    assert key_file(tmp_path / "state").stat().st_mode & 0o777 == 0o600
    assert key_file(tmp_path / "state").parent.stat().st_mode & 0o777 == 0o700
    assert b"PRIVATE" not in keys.public_key


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    open_token_keys(tmp_path)
    key_file(tmp_path).chmod(0o640)
    with pytest.raises(StateError, match=r"mode 0640.*chmod 600"):
        open_token_keys(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"rubbish", Party(None, rsa_key()).key_pem],  # type: ignore[arg-type]
    ids=["empty", "rubbish", "RSA"],
)
def test_a_damaged_key_is_refused_and_kept(content: bytes, tmp_path: Path) -> None:
    open_token_keys(tmp_path)
    key_file(tmp_path).write_bytes(content)
    with pytest.raises(StateError, match=r"damaged.*restore it") as refusal:
        open_token_keys(tmp_path)
    assert "PRIVATE" not in str(refusal.value)
    assert key_file(tmp_path).read_bytes() == content


def test_a_key_cut_off_is_refused(tmp_path: Path) -> None:
    open_token_keys(tmp_path)
    whole = Party(None, ec_key()).key_pem  # type: ignore[arg-type]
    for length in range(0, len(whole) - 2, 16):
        key_file(tmp_path).write_bytes(whole[:length])
        with pytest.raises(StateError, match="damaged"):
            open_token_keys(tmp_path)


def test_killed_at_any_moment_the_next_start_has_a_key(tmp_path: Path) -> None:
    attempt = 0

    def prepare() -> None:
        nonlocal attempt
        attempt += 1

    def check(_: bool) -> None:
        keys = open_token_keys(tmp_path / str(attempt))
        assert open_token_keys(tmp_path / str(attempt)) == keys

    assert kill_at_each_step(prepare, lambda: open_token_keys(tmp_path / str(attempt)), check) >= 8


def test_the_ledger_lies_beside(tmp_path: Path) -> None:
    assert open_ledger(tmp_path).redeem(TOKEN, NOW)
    assert (tmp_path / "citadel" / "redeemed").is_dir()
