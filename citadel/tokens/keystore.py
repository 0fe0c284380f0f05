"""The key that signs join tokens, on disk. Losing it costs the tokens that are out, nothing else."""

from __future__ import annotations

from pathlib import Path

from citadel.ca.keystore import DIRECTORY
from citadel.identity import PrivateKey
from citadel.state_files import StateError, locked, make_private_directory, read_private
from citadel.tokens.ledger import RedemptionLedger
from citadel.x509 import check_is_p256, decode_private_key, encode_public_key_pem, generate_private_key
from galley.atomic_write import write_atomically
from galley.frozen import frozen

KEY_FILE = "token-key.pem"
LEDGER_DIRECTORY = "redeemed"


@frozen
class TokenKeys:
    """The private key signs tokens, ``public_key`` (PEM) verifies them."""

    private_key: PrivateKey
    public_key: bytes


def open_token_keys(state_directory: Path) -> TokenKeys:
    """The key in ``citadel/token-key.pem`` (0600), made on the first start. StateError when it cannot be used."""
    directory = state_directory / DIRECTORY
    path = directory / KEY_FILE
    make_private_directory(directory)
    with locked(directory):
        try:
            key = decode_private_key(read_private(path))
            check_is_p256(key)
        except FileNotFoundError:
            key = generate_private_key()
            try:
                write_atomically(path, key.reveal())
            except OSError as failure:
                raise StateError(f"cannot write {path}: {failure.strerror}") from failure
        except ValueError as damage:
            raise StateError(
                f"{path} is damaged: {damage}; restore it from a backup, or give up the tokens that are out: rm {path}"
            ) from None
    return TokenKeys(key, encode_public_key_pem(key))


def open_ledger(state_directory: Path) -> RedemptionLedger:
    """The ledger in ``citadel/redeemed``. StateError when it cannot be used."""
    make_private_directory(state_directory / DIRECTORY)
    return RedemptionLedger(state_directory / DIRECTORY / LEDGER_DIRECTORY)
