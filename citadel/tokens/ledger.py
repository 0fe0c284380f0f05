"""Which one-time tokens were used, on disk, so that each has one user even among many processes and after a crash."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from citadel.state_files import make_private_directory
from citadel.tokens.join_token import JoinToken
from galley.atomic_write import PRIVATE, sync_directory

_KEPT_AFTER_EXPIRY = timedelta(hours=1)
"""In case that a clock is set back."""
_PRUNE_EVERY = 256


class RedemptionLedger:
    """One empty file for each token used, named by expiry and a hash of its id. Thread-safe; processes may share it.

    The file system itself decides who was first: a file can be made only once (O_EXCL).
    """

    def __init__(self, directory: Path) -> None:
        """Open or make the ledger. StateError when others may look into it."""
        make_private_directory(directory)
        self._directory = directory
        self._count = 0

    def redeem(self, token: JoinToken, now: datetime) -> bool:
        """Use up a one-time token; whether this was its first use. True only after that has reached the disk.

        OSError when it cannot be written: then the token must be refused.
        """
        if self._count % _PRUNE_EVERY == 0:
            self.prune(now)
        self._count += 1
        path = self._directory / _name(token)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
        except FileExistsError:
            return False
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_directory(self._directory)
        return True

    def prune(self, now: datetime) -> int:
        """Forget tokens that expired more than an hour ago: they are refused without a ledger. Their number."""
        oldest_kept = int((now - _KEPT_AFTER_EXPIRY).timestamp())
        pruned = 0
        for name in os.listdir(self._directory):
            expires, _, _ = name.partition("-")
            if expires.isdecimal() and int(expires) < oldest_kept:
                with suppress(FileNotFoundError):  # another process was faster
                    os.unlink(self._directory / name)
                    pruned += 1
        return pruned

    def __len__(self) -> int:
        return len(os.listdir(self._directory))


def _name(token: JoinToken) -> str:
    return f"{int(token.expires_at.timestamp())}-{sha256(token.token_id.encode()).hexdigest()[:40]}"
