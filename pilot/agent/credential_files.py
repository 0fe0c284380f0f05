"""The directory in which an agent keeps its credentials, so that after a restart it needs no token."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from citadel.state_files import make_private_directory, read_private
from galley.atomic_write import PUBLIC, write_atomically
from pilot.agent.credentials import Credentials, ServiceAccount, decode_identity, encode_identity

IDENTITY_FILE = "identity.pem"
ROOTS_FILE = "root-cert.pem"


class CredentialFiles:
    """``identity.pem`` (0600: key and chain) and ``root-cert.pem`` in ``directory``, which is made 0700.

    StateError when others may look into it.
    """

    def __init__(self, directory: Path) -> None:
        make_private_directory(directory)
        self.directory = directory
        self._saved: Credentials | None = None

    def load(self, account: ServiceAccount, now: datetime) -> Credentials | None:
        """What was saved last, None without. ValueError when it is of no use; StateError when others may read it."""
        try:
            roots = (self.directory / ROOTS_FILE).read_bytes()
            identity = read_private(self.directory / IDENTITY_FILE)
        except FileNotFoundError:
            return None
        self._saved = decode_identity(identity, roots, account, now)
        return self._saved

    def hold(self, credentials: Credentials) -> bool:
        """Whether ``credentials`` are those that were loaded or saved last."""
        return credentials == self._saved

    def save(self, credentials: Credentials) -> None:
        """Replace what is there. OSError when that fails.

        Roots first: with new roots and the old certificate, whose root they contain during a rotation, one can go on.
        """
        write_atomically(self.directory / ROOTS_FILE, credentials.bundle.pem, mode=PUBLIC)
        write_atomically(self.directory / IDENTITY_FILE, encode_identity(credentials.svid))
        self._saved = credentials
